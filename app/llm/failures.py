"""What can go wrong with a provider, by type: what is retried, rerouted and counted follows."""

from __future__ import annotations

import enum

from app.errors import ApiError

RETRY_SECONDS = 5  # said to a client when nothing better is known
LONGEST_RETRY = 600  # seconds of a Retry-After that is believed
LONGEST_WORDS = 500  # of a provider's message to the caller


class Kind(enum.StrEnum):
    """Types of failure; the values are labels of metrics and stand in llm_calls."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER = "server_error"
    BROKEN = "broken_stream"  # cut, stalled or malformed after it began
    MALFORMED = "malformed_answer"  # no JSON, no choices, another content type, too large
    REFUSED = "credential_refused"  # the gateway's own key or model is not taken
    RATE_LIMITED = "rate_limited"
    OPEN = "breaker_open"
    FULL = "queue_full"
    CONTEXT_LENGTH = "context_length"
    CONTENT_POLICY = "content_policy"
    UNSUPPORTED = "unsupported"  # the model or its provider cannot do what is asked
    CALLER = "caller"


# What a breaker counts. A 429 is its own matter: see Breaker.limited.
COUNTED = frozenset(
    {Kind.TIMEOUT, Kind.CONNECTION, Kind.SERVER, Kind.BROKEN, Kind.MALFORMED, Kind.REFUSED}
)
# What the same deployment may answer better a moment later.
AGAIN = COUNTED - {Kind.REFUSED} | {Kind.RATE_LIMITED}
# What another deployment, or a model that stands in, may answer better.
ELSEWHERE = COUNTED | {Kind.RATE_LIMITED, Kind.OPEN, Kind.FULL}
_STATUS = {
    Kind.TIMEOUT: 504,
    Kind.RATE_LIMITED: 429,
    Kind.FULL: 429,
    Kind.CONTEXT_LENGTH: 400,
    Kind.CONTENT_POLICY: 400,
    Kind.UNSUPPORTED: 400,
    Kind.CALLER: 400,
}
_CODES = {
    Kind.CONTEXT_LENGTH: "context_length_exceeded",
    Kind.CONTENT_POLICY: "content_policy_violation",
    Kind.UNSUPPORTED: "unsupported_value",
    Kind.CALLER: "invalid_request",
}


class Failure(Exception):
    """A call that did not end well. `words` may be shown to the caller."""

    def __init__(
        self,
        kind: Kind,
        words: str,
        *,
        retry_after: float | None = None,
        status: int = 0,
        param: str = "",
    ) -> None:
        super().__init__(words)
        self.kind, self.words, self.retry_after = kind, words[:LONGEST_WORDS], retry_after
        self.status, self.param = status, param


def seconds(value: str | None) -> float | None:
    """Return a Retry-After in seconds; a date or nonsense is none."""
    try:
        found = float(value or "")
    except ValueError:
        return None
    return min(found, LONGEST_RETRY) if found >= 0 else None


def to_client(failure: Failure) -> ApiError:
    """Return what the client gets to see of the last failure of a request."""
    kind = failure.kind
    status = _STATUS.get(kind, 503)
    if kind is Kind.CALLER and 400 <= failure.status < 500:  # noqa: PLR2004 -- HTTP's own
        status = failure.status
    retry = None
    if kind in ELSEWHERE:
        retry = max(1, round(failure.retry_after or RETRY_SECONDS))
    return ApiError(
        status, _CODES.get(kind, f"provider_{kind}"), failure.words, retry, failure.param
    )
