"""One request and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("keepalive", "fresh", "post")
GOOD = range(200, 300)
TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one request. Times are of one monotonic clock, in seconds.

    Args:
        kind: keepalive, fresh or post.
        request: method and path, "GET /healthz".
        intended: when it was due: latency counts from here, so that a stall is not hidden.
        started: when it was really sent.
        done: when the answer was complete, or was given up.
        status: 0 when there was no complete answer.
        error: what was wrong, "" when only the status tells.
    """

    kind: str
    request: str
    intended: float
    started: float
    done: float
    status: int = 0
    error: str = ""
    color: str = ""
    version: str = ""
    request_id: str = ""

    @property
    def latency_ms(self) -> float:
        """Milliseconds from when the request was due to the end of its answer."""
        return (self.done - self.intended) * 1000

    @property
    def limited(self) -> bool:
        """Whether a rate limit answered: neither good nor failed."""
        return self.status == TOO_MANY

    @property
    def fault(self) -> str:
        """What is wrong with it, in a word that is the same for the same fault; "" when good."""
        if self.error:
            return self.error.partition(":")[0]
        return "" if self.status in GOOD or self.limited else str(self.status)
