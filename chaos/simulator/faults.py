"""The faults that a provider can be given, and when each of them strikes."""

from __future__ import annotations

import enum
import math
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

MOST_BYTES = 1 << 30
LONGEST = 3600.0  # seconds


class Kind(enum.StrEnum):
    """What goes wrong. The first two strike connections, the others single calls."""

    REFUSE = "refuse"  # nobody listens
    TLS = "tls"  # the handshake fails
    RESET = "reset"  # the connection ends without an answer
    TIMEOUT = "timeout"  # no answer, for `seconds`
    SLOW_FIRST = "slow_first"  # the answer, or a stream's first token, `seconds` later
    SLOW_TOKENS = "slow_tokens"  # `seconds` between two tokens
    CUT = "cut"  # the connection ends after `after` tokens, or in half an answer
    STALL = "stall"  # the same, but it stays open and silent
    MALFORMED = "malformed"  # JSON or an event that is none
    EMPTY = "empty"  # no choices; a stream that ends without content
    ERROR_EVENT = "error_event"  # a stream that breaks off with an error
    RATE_LIMITED = "rate_limited"  # 429, with `retry_after` seconds or without
    STATUS = "status"  # `status`
    CONTENT_TYPE = "content_type"  # a page instead of an answer
    HUGE = "huge"  # an answer of `bytes`
    POLICY = "policy"  # refused for what it says
    CONTEXT = "context"  # refused for its length


OF_CONNECTIONS = frozenset({Kind.REFUSE, Kind.TLS})
DELAYS = frozenset({Kind.SLOW_FIRST, Kind.SLOW_TOKENS})


class BadFault(ValueError):
    """It cannot be; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a provider. Seconds unless said.

    `model`, `share` (of calls, drawn by the seed) and `times` bound it to some calls; with
    `period` it comes and goes: so long there, so long not.
    """

    kind: Kind
    model: str = "*"
    share: float = 1.0
    times: int | None = None
    period: float | None = None
    seconds: float = 60.0
    after: int = 3
    status: int = 500
    retry_after: float | None = None
    bytes: int = 64 << 20

    def document(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return asdict(self)


_NUMBERS: dict[str, tuple[float, float]] = {
    "share": (0, 1),
    "times": (1, 1_000_000),
    "period": (0.01, LONGEST),
    "seconds": (0, LONGEST),
    "after": (0, 100_000),
    "status": (400, 599),
    "retry_after": (0, LONGEST),
    "bytes": (1, MOST_BYTES),
}
_WHOLE = {"times", "after", "status", "bytes"}


def read(document: object) -> Fault:
    """Return the fault that a JSON object describes. Raises BadFault."""
    if not isinstance(document, dict):
        raise BadFault("a fault is an object with kind")
    known = [field.name for field in fields(Fault)]
    for name in document:
        if name not in known:
            raise BadFault(f"there is no {name!r}: known are {', '.join(known)}")
    try:
        kind = Kind(str(document.get("kind")))
    except ValueError:
        raise BadFault(
            f"kind is {document.get('kind')!r}: choose one of {', '.join(Kind)}"
        ) from None
    model = document.get("model", "*")
    if not isinstance(model, str) or not model:
        raise BadFault(f"model is {model!r}: give a name, or * for all")
    given = {name: _number(name, document[name]) for name in _NUMBERS if name in document}
    if kind in OF_CONNECTIONS and (model != "*" or {"share", "times"} & set(given)):
        raise BadFault(f"{kind} is of connections: it takes no model, share or times")
    return Fault(kind=kind, model=model, **given)


def _number(name: str, value: object) -> Any:  # noqa: ANN401 -- int, float or None, by the name
    if value is None and name in {"times", "period", "retry_after"}:
        return None
    least, most = _NUMBERS[name]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not least <= number <= most or (name in _WHOLE and number != int(number)):
        what = "a whole number" if name in _WHOLE else "a number"
        raise BadFault(f"{name} is {value!r}: {what} from {least:g} to {most:g}")
    return int(number) if name in _WHOLE else float(number)


class Faults:
    """The faults of one provider, in the order in which they were given."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._since = clock, clock()
        self._all: list[Fault] = []

    def set(self, faults: Sequence[Fault]) -> None:
        """Have these and no others; periods begin now."""
        self._all, self._since = list(faults), self._clock()

    def documents(self) -> list[dict[str, Any]]:
        """Return what is set; `times` counts down."""
        return [fault.document() for fault in self._all]

    def has(self, kind: Kind) -> bool:
        """Tell whether a fault of connections strikes now."""
        return any(fault.kind is kind and self._now(fault) for fault in self._all)

    def strike(self, model: str, rng: random.Random) -> list[Fault]:
        """Return what strikes a call: delays, then at most one fault that ends it."""
        struck: list[Fault] = []
        ended = False
        for place, fault in enumerate(self._all):
            drawn = rng.random()  # once per fault, so that one's share never moves another's
            if fault.kind in OF_CONNECTIONS or fault.model not in {"*", model}:
                continue
            if fault.times == 0 or drawn >= fault.share or not self._now(fault):
                continue
            if fault.kind not in DELAYS:
                if ended:
                    continue
                ended = True
            if fault.times is not None:
                self._all[place] = replace(fault, times=fault.times - 1)
            struck.append(fault)
        return sorted(struck, key=lambda fault: fault.kind not in DELAYS)

    def _now(self, fault: Fault) -> bool:
        if fault.period is None:
            return True
        return int((self._clock() - self._since) / fault.period) % 2 == 0


def read_all(document: Mapping[str, object] | object) -> list[Fault]:
    """Return the faults of `{"faults": [...]}`. Raises BadFault."""
    faults = document.get("faults") if isinstance(document, dict) else None
    if not isinstance(faults, list):
        raise BadFault('send {"faults": [{"kind": ...}]}')
    return [read(fault) for fault in faults]
