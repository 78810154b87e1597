"""Messages of agents: what is one, what is none, and how they are answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.agents import ending, frames
from app.agents.connection import answers
from app.agents.ending import LONGEST, Ending, Over
from app.agents.mailbox import Kept

TASK: dict[str, Any] = {"type": "task", "seq": 1, "to": "a", "task_id": "t", "body": {}}


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0}, {"seq": True}, {"seq": "1"}, {"seq": 1.5}, {"seq": 2**63}, {"to": ""},
        {"to": "A"}, {"to": "a" * 65}, {"to": "a\n"}, {"task_id": ""}, {"task_id": "t\0"},
        {"task_id": "t" * 65}, {"body": []}, {"body": None}, {"more": 1}, {"type": "register"},
        {"type": "result"}, {"type": None},
    ],
)  # fmt: skip
def test_what_does_not_fit_its_type_is_malformed(change: dict[str, Any]) -> None:
    frames.read(json.dumps(TASK))
    with pytest.raises(Over) as caught:
        frames.read(json.dumps(TASK | change))
    assert (caught.value.ending.code, caught.value.ending.word) == (1007, "malformed")


def test_a_float_that_is_whole_is_a_number_like_any_other() -> None:
    found = frames.read(json.dumps(TASK | {"seq": 3.0}))
    assert isinstance(found, frames.Task)
    assert found.seq == 3


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_body_holds_only_numbers_of_json(number: str) -> None:
    found = frames.read(json.dumps(TASK).replace("{}", f'{{"n":{number}}}'))
    assert isinstance(found, frames.Task)
    with pytest.raises(Over):
        frames.body_text(found.body)


@pytest.mark.parametrize("ok", [None, True, False])
def test_a_kept_message_comes_as_it_was_sent(ok: bool | None) -> None:
    body = {"deep": [{"é\0": '"'}], "n": 1.5}
    kept = Kept(
        seq=4,
        sender="a",
        kind="task" if ok is None else "result",
        task_id='t"',
        ok=ok,
        body=frames.body_text(body),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        age=0.0,
    )
    found = json.loads(frames.delivered(kept))
    wanted = {"type": kept.kind, "seq": 4, "from": "a", "task_id": 't"', "body": body}
    assert found == wanted | {"at": "2026-01-01T00:00:00+00:00"} | (
        {} if ok is None else {"ok": ok}
    )


@pytest.mark.parametrize(
    ("seqs", "refused", "said"),
    [
        ([1, 2, 3], {}, ["accepted 3"]),
        ([1, 2], {2: "inbox_full"}, ["accepted 1", "refused 2"]),
        ([1, 2, 3], {1: "inbox_full"}, ["refused 1", "accepted 3"]),
        ([5, 3, 4], {}, ["accepted 5", "accepted 4"]),
        ([1], {1: "no_such_agent"}, ["refused 1"]),
    ],
)
def test_answers_come_in_order_and_each_message_has_one(
    seqs: list[int], refused: dict[int, str], said: list[str]
) -> None:
    found = [json.loads(text) for text in answers(seqs, refused)]
    assert [f"{each['type']} {each['seq']}" for each in found] == said


def test_a_reason_fits_into_a_close_frame_and_stays_text() -> None:
    reason = Ending(1007, "malformed", "é" * 200).reason
    assert len(reason) <= LONGEST
    assert reason.decode().startswith("malformed: é")


def test_ends_that_aiohttp_makes_have_their_words_too() -> None:
    found = {code: ending.broken(code, 9) for code in (1009, 1007, 1002, 1000)}
    assert {code: end.word if end else "" for code, end in found.items()} == {
        1009: "too_big", 1007: "malformed", 1002: "protocol", 1000: "",
    }  # fmt: skip
