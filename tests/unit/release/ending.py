"""How a played operation ended, held against what that must have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.release.theatre import Played


def ended(played: Played, outcome: str, exit_code: int) -> str:
    """Check how it ended and that it was recorded and closed; return the last line."""
    assert (played.document["outcome"], played.document["exit_code"]) == (outcome, exit_code), (
        played.output
    )
    assert (played.code == 0) == (exit_code == 0)
    assert played.entry["outcome"] == outcome
    taken = played.of("lease", state="present")[-1]["args"]["id"]
    assert "edge-1" in played.hosts("operation", lease=taken)
    assert "\n" not in played.line
    return played.line


def untouched(played: Played) -> bool:
    """Tell whether clients could not have noticed: no switch, nothing done to the active colour."""
    return not played.of("edge_switch", state="switched") and "app-green-1" not in played.hosts(
        "release_activate"
    )
