"""The open operation of an edge and its states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils import files, operation, paths
from ansible_collections.dash.platform.plugins.module_utils.operation import OperationFile

STATES = sorted(operation.NEXT)
# docs/architecture.md, "A release, as a state machine", and the two ways out of `paused`
LEGAL = {
    ("begun", "switched"),
    ("begun", "paused"),
    ("begun", "reverted"),
    ("begun", "recorded"),
    ("paused", "reverted"),
    ("paused", "recorded"),
    ("switched", "confirmed"),
    ("switched", "reverted"),
    ("confirmed", "reverted"),
    ("confirmed", "recorded"),
    ("reverted", "recorded"),
}


def test_the_transitions_are_those_of_the_architecture() -> None:
    assert {(a, b) for a in STATES for b in STATES if operation.follows(b, a)} == LEGAL


def test_a_state_that_nobody_knows_leads_nowhere() -> None:
    assert not any(operation.follows(s, "lost") for s in STATES)


@given(wishes=st.lists(st.sampled_from(STATES), max_size=8))
def test_whatever_is_asked_only_legal_steps_are_taken(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[str]
) -> None:
    """A recorded operation is gone, a refused step changes nothing, the same step is none."""
    held = OperationFile(tmp_path_factory.mktemp("edge"))
    held.begin({"id": "a"})
    before = "begun"
    for wish in wishes:
        gone = before == "recorded"
        if gone or wish == before:
            assert not held.move("a", wish)
        elif (before, wish) in LEGAL:
            assert held.move("a", wish)
            before = wish
        else:
            with pytest.raises(operation.Illegal, match=f"is {before}: it cannot become {wish}"):
                held.move("a", wish)
        now = held.current()
        assert (now or {"state": "recorded"})["state"] == before
        assert (now is None) == (before == "recorded")


def test_what_is_kept_with_a_step_stays() -> None:
    held = OperationFile()
    held.begin({"id": "a", "version": "0.2.0"})

    held.move("a", "switched", switched_from="blue")
    held.move("a", "confirmed")

    assert held.current() == {
        "id": "a",
        "version": "0.2.0",
        "state": "confirmed",
        "switched_from": "blue",
    }


def test_another_operation_is_not_moved() -> None:
    held = OperationFile()
    held.begin({"id": "a"})

    assert not held.move("b", "recorded")
    assert held.current() == {"id": "a", "state": "begun"}


@pytest.mark.parametrize("state", sorted({"begun", "switched", "confirmed", "reverted"}))
def test_an_operation_is_not_opened_over_one_that_nobody_settled(state: str) -> None:
    held = OperationFile()
    held.keep({"id": "aaaaaaaaaa", "kind": "deploy", "state": state})

    with pytest.raises(operation.Illegal, match=f"a deploy aaaaaaaa is open on this edge .{state}"):
        held.check_free("b")
    held.check_free("aaaaaaaaaa")


def test_an_operation_that_waits_for_an_answer_may_be_replaced() -> None:
    held = OperationFile()
    held.check_free("b")
    held.keep({"id": "a", "state": "paused"})

    held.check_free("b")


def test_a_file_without_a_state_decides_nothing() -> None:
    (paths.EDGE_STATE / "operation.json").write_text('{"id": "a"}', encoding="utf-8")

    with pytest.raises(files.CorruptFile, match="lacks state"):
        OperationFile().move("a", "recorded")
