"""The part of the role `edge` in which a new edge takes over, played against stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.unit.release.stand import A, Stand, stand

if TYPE_CHECKING:
    from tests.unit.release.theatre import Played, Theatre

pytestmark = pytest.mark.timeout(120)
PLAY = [
    {
        "hosts": "edge",
        "serial": 1,
        "gather_facts": False,
        "vars": {
            "others": "{{ groups['edge'] | difference([inventory_hostname]) }}",
            "edge_neighbours": "{{ dict(others | zip(others))"
            " | dict2items(key_name='name', value_name='address') }}",
        },
        "tasks": [{"ansible.builtin.import_role": {"name": "edge", "tasks_from": "join"}}],
    }
]


def edges(count: int = 2, new: str = "edge-2") -> Stand:
    """Return a stack that serves blue, with an edge that knows nothing."""
    s = stand("blue", edges=count).wrote(A)
    s.facts = {h: f for h, f in s.facts.items() if f["role"] == "edge"}
    s.facts[new] |= {"active": "none", "fence": 0, "haproxy_active": False, "blank": True}
    return s


def joined(theatre: Theatre, s: Stand, lost: str = "", **more: Any) -> Played:
    theatre.set(s, None, **more)
    told = theatre.scenario["facts"][0]
    for host, facts in told.items():
        if facts.pop("blank", False):
            facts["ledger"] = []
        if host == lost:
            told[host] = {"unreachable": True}
    file = theatre.directory / "join.yml"
    file.write_text(yaml.safe_dump(PLAY), encoding="utf-8")
    return theatre.play(str(file.with_suffix("")))


def changes(played: Played) -> list[tuple[str, str]]:
    """Return module:state and host of what was done, in order."""
    return [
        (f"{c['module']}:{c['args']['state']}", c["host"])
        for c in played.calls
        if "state" in c["args"]
    ]


@pytest.mark.parametrize("new", ["edge-2", pytest.param("edge-1", marks=pytest.mark.slow)])
def test_a_new_edge_takes_over_under_the_lease_of_the_others(theatre: Theatre, new: str) -> None:
    """Also when it is the first in line, and the one that serves is not in its batch."""
    old = "edge-1" if new == "edge-2" else "edge-2"
    played = joined(theatre, edges(new=new))

    assert played.code == 0, played.output
    taken = [("lease:present", old), ("edge_copy:given", old), ("edge_copy:taken", new)]
    # The facts here never change: an edge that comes after it sees it as new, and leaves it alone.
    assert changes(played) == [*taken, ("lease:absent", old)]
    (told,) = played.of("edge_copy", state="taken")
    assert told["args"]["document"] == {"active": "blue"}
    assert {c["args"]["fence"] for c in played.of("edge_copy")} == {4}


def test_a_release_that_runs_keeps_a_new_edge_out(theatre: Theatre) -> None:
    played = joined(theatre, edges(), fail={"lease:present": "a deploy by ann runs"})

    assert played.code != 0
    assert "a deploy by ann runs" in played.output
    assert not played.of("edge_copy")


@pytest.mark.slow
def test_a_new_edge_beside_one_that_does_not_answer_is_not_begun(theatre: Theatre) -> None:
    played = joined(theatre, edges(), lost="edge-1")

    assert played.code != 0
    assert "edge-2 has no active colour, and edge-1 does not answer" in played.output, played.output
    assert changes(played) == []


@pytest.mark.slow
def test_edges_that_know_each_other_are_left_alone(theatre: Theatre) -> None:
    s = edges()
    s.facts["edge-2"] = dict(s.facts["edge-1"])
    played = joined(theatre, s)

    assert played.code == 0, played.output
    assert changes(played) == []
