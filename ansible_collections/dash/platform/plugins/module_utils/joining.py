"""How a new or rebuilt edge becomes a copy of the one that serves, before it gets traffic."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import fence, haproxy, ledger
from ansible_collections.dash.platform.plugins.module_utils.standing import Refusal

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.standing import Facts
    from ansible_collections.dash.platform.plugins.module_utils.switch import Edge

NONE = "none"

Copy = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Join:
    """Which edges take over whose state."""

    source: str
    newcomers: list[str]


def decide(facts: Facts) -> Join | None:
    """Return who takes over from whom, None when every edge stands for itself.

    Args:
        facts: of every edge of the stack, as `release_facts` reports them; one that did not answer
            has `unreachable`.

    Raises:
        Refusal: an edge knows nothing, and what the others know cannot be told.
    """
    known = {h: f for h, f in sorted(facts.items()) if not f.get("unreachable")}
    lost = sorted(set(facts) - set(known))
    settled = [h for h, f in known.items() if _knows(f)]
    blank = sorted(set(known) - set(settled))
    if blank and lost and not settled:
        raise Refusal(
            f"{', '.join(blank)} has no active colour, and {', '.join(lost)} does not answer: "
            "whether one serves is not known. Next: ./dash status"
        )
    if not settled:
        return None
    source = max(settled, key=lambda h: (_serves(known[h]), int(known[h].get("fence") or 0)))
    newcomers = [h for h, f in known.items() if h != source and _behind(f, known[source])]
    colors = {h: known[h]["active"] for h in settled if _serves(known[h])}
    if newcomers and len(set(colors.values())) > 1:
        said = ", ".join(f"{h} says {c}" for h, c in colors.items())
        raise Refusal(
            f"{', '.join(newcomers)} cannot take over a colour that the edges disagree about "
            f"({said}). Next: ./dash switch COLOUR, then ./dash configure"
        )
    return Join(source=source, newcomers=newcomers) if newcomers else None


def _serves(facts: dict[str, Any]) -> bool:
    return bool(facts.get("active", NONE) != NONE)


def _knows(facts: dict[str, Any]) -> bool:
    return bool(_serves(facts) or facts.get("operation") or facts.get("ledger"))


def _behind(facts: dict[str, Any], source: dict[str, Any]) -> bool:
    """Tell whether an edge lacks what the source knows; one with an operation of its own does not.

    The ledger is what a copy writes last: with one, it is only behind where the source serves.
    """
    if _serves(facts) or facts.get("operation"):
        return False
    return _serves(source) or not facts.get("ledger")


def give(edge: Edge) -> Copy:
    """Return what a newcomer needs: colour, open operation, ledger. Raises CorruptFile."""
    return {
        "active": edge.active(),
        "operation": edge.operation.current(),
        "entries": ledger.read(ledger.path(edge.state_dir), ledger.KNOWN),
    }


def take(edge: Edge, copy: Copy, number: int) -> str:
    """Become a copy; safe to run again where it was cut off. Return what an open switch waits for.

    Args:
        edge: this edge, with a HAProxy that runs, or is yet to be started with our configuration.
        copy: what `give` returned on the one that serves.
        number: the fencing number under which nothing else may change either of them.

    Raises:
        Fault: another operation was quicker, or what is here cannot be read.
    """
    fence.check(number)
    if copy["operation"]:
        with edge.operation.locked():
            edge.operation.keep(copy["operation"])
    # One that does not run, or not yet with our configuration, reads the file when it starts.
    with suppress(haproxy.HaproxyError):
        edge.point_to(copy["active"])
    ledger.append(ledger.path(edge.state_dir), copy["entries"])
    return edge.recover()
