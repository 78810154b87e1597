"""A new edge becomes a copy of the one that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import (
    fence,
    haproxy,
    joining,
    ledger,
    paths,
    switch,
)
from ansible_collections.dash.platform.plugins.module_utils.standing import Refusal
from tests.integration.platform.edges import ID, move, serves, state
from tests.integration.platform.fake_haproxy import FakeHaproxy
from tests.integration.platform.fake_programs import Programs
from tests.integration.platform.test_ledger import entry


def stands(active: str = "none", number: int = 0, **more: Any) -> dict[str, Any]:
    return {"active": active, "fence": number, "operation": None, "ledger": [], **more}


def decided(**edges: dict[str, Any]) -> tuple[str, list[str]] | None:
    join = joining.decide({name.replace("_", "-"): f for name, f in edges.items()})
    return (join.source, join.newcomers) if join else None


GONE: dict[str, Any] = {"unreachable": True}
BLUE = stands("blue", 7, ledger=[entry(7)])


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"edge_1": stands(), "edge_2": stands()}, None),  # nothing was ever released
        ({"edge_1": BLUE, "edge_2": BLUE}, None),
        ({"edge_1": BLUE, "edge_2": stands()}, ("edge-1", ["edge-2"])),
        ({"edge_1": stands(), "edge_2": BLUE}, ("edge-2", ["edge-1"])),  # rebuilt
        ({"edge_1": BLUE, "edge_2": stands(ledger=[entry(7)])}, ("edge-1", ["edge-2"])),  # cut off
        # A first deploy that went back serves nothing, and is known all the same.
        (
            {"edge_1": stands(number=7, ledger=[entry(7)]), "edge_2": stands()},
            ("edge-1", ["edge-2"]),
        ),
        ({"edge_1": BLUE, "edge_2": stands(operation={"id": ID})}, None),  # in the midst of one
        ({"edge_1": BLUE, "edge_2": GONE}, None),
        ({"edge_1": BLUE, "edge_2": stands(), "edge_3": GONE}, ("edge-1", ["edge-2"])),
        (
            {"edge_1": BLUE, "edge_2": stands("blue", 9), "edge_3": stands()},
            ("edge-2", ["edge-3"]),  # who has seen more
        ),
    ],
)
def test_who_is_new_takes_over_from_who_serves(
    edges: dict[str, Any], found: tuple[str, list[str]] | None
) -> None:
    assert decided(**edges) == found


def test_a_new_edge_beside_one_that_is_lost_is_not_begun() -> None:
    with pytest.raises(Refusal, match="edge-2 has no active colour, and edge-1 does not answer"):
        decided(edge_1=GONE, edge_2=stands())


def test_a_new_edge_does_not_choose_between_two_that_disagree() -> None:
    with pytest.raises(Refusal, match=r"edge-1 says blue, edge-2 says green"):
        decided(edge_1=BLUE, edge_2=stands("green", 7), edge_3=stands())


@pytest.fixture(name="new")
def _new(tmp_path: Path) -> switch.Edge:
    """An edge on which nothing was ever configured, its HAProxy not started yet."""
    directory = tmp_path / "new"
    directory.mkdir()
    return switch.Edge(directory / "active.map", directory, haproxy.Runtime(directory / "sock"))


def test_a_copy_has_colour_ledger_and_fence(edge: switch.Edge, new: switch.Edge) -> None:
    edge.operation.move(ID, "recorded")
    ledger.append(ledger.path(), [entry(6), entry(7)])

    assert joining.take(new, joining.give(edge), 8) == "nothing to recover"

    assert new.active() == "blue"
    assert ledger.read(ledger.path(new.state_dir)) == [entry(6), entry(7)]
    assert fence.seen() == 8
    assert new.operation.current() is None


def test_a_copy_in_a_switchs_window_goes_back_like_the_other(
    edge: switch.Edge, new: switch.Edge, programs: Programs
) -> None:
    move(edge)
    said = joining.take(new, joining.give(edge), 8)

    assert said.startswith("a switch waits for its confirmation")
    assert f"--unit=dash-confirm-{ID[:8]}" in programs.calls("systemd-run")[-1]
    assert (new.active(), state(new)) == ("green", "switched")
    assert new.revert(ID)
    assert new.active() == "blue"


def test_a_haproxy_that_runs_already_is_told(
    run_module: Any, edge: switch.Edge, proxy: FakeHaproxy
) -> None:
    given = {"active": "green", "operation": None, "entries": [entry(7)]}
    done = run_module("edge_copy", state="taken", document=given, fence=8)

    assert (done["changed"], done["active"]) == (True, "green")
    assert serves(edge, proxy, "green")


def test_the_module_gives_what_it_takes(run_module: Any, edge: switch.Edge) -> None:
    held = edge.operation.current()
    done = run_module("edge_copy", state="given", fence=8)

    assert done == {
        "changed": False,
        "document": {"active": "blue", "operation": held, "entries": []},
    }


@pytest.mark.parametrize("how", ["given", "taken"])
def test_a_join_that_was_overtaken_changes_nothing(run_module: Any, how: str) -> None:
    fence.check(9)
    told: dict[str, Any] = {"active": "green", "operation": None, "entries": []}
    done = run_module("edge_copy", state=how, document=told, fence=8)

    assert "8 is an operation that was overtaken" in done["msg"]
    assert paths.MAP.read_text("ascii") == "active blue\n"
