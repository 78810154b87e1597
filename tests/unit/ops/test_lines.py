"""Loki's answers as lines, and what it is asked."""

from __future__ import annotations

import json
import shlex

import pytest

from ops import lines
from ops.console import UserError
from ops.session import Session


def answer(*streams: dict[str, object]) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": streams}})


def test_lines_of_several_hosts_come_in_the_order_of_time() -> None:
    edge = {"stream": {"host": "edge-1", "unit": "haproxy.service", "level": "info"}}
    app = {"stream": {"host": "app-1", "unit": "dash-app.service", "level": "error"}}
    text = answer(
        {**edge, "values": [["3000000000", "third"], ["1000000000", "first"]]},
        {**app, "values": [["2000000000", "second"]]},
    )

    found = lines.parse(text)

    assert [x.text for x in found] == ["first", "second", "third"]
    assert str(found[1]) == "1970-01-01T00:00:02.000Z app-1 dash-app.service error second"


def test_a_request_is_asked_for_by_its_id() -> None:
    assert lines.of_request("req-12345678") == '{host=~".+"} | request_id="req-12345678"'


@pytest.mark.parametrize("bad", ["short", 'x" or 1=1 --', "a" * 65, ""])
def test_what_is_no_id_is_never_asked(bad: str) -> None:
    with pytest.raises(UserError, match="is no request id"):
        lines.of_request(bad)


def test_the_remote_command_is_one_safe_word_each() -> None:
    words = shlex.split(lines.command(lines.of_request("req-12345678"), 7, 1_000_000.5))

    assert words[0] == "curl"
    assert lines.ADDRESS in words
    assert 'query={host=~".+"} | request_id="req-12345678"' in words
    assert {"limit=7", "start=395200", "end=1000005"} <= set(words)


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"data": {"result": [{}]}}'])
def test_an_answer_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        lines.parse(text)


def test_the_first_loki_that_answers_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    silent = {"a"}

    def ask(monitor: dict[str, str], *_: object) -> list[lines.Line]:
        asked.append(monitor["name"])
        if monitor["name"] in silent:
            raise UserError(f"{monitor['name']} does not answer")
        return []

    known = {
        "monitor-2": {"dash_role": "monitor", "name": "b"},
        "monitor-1": {"dash_role": "monitor", "name": "a"},
        "edge-1": {"dash_role": "edge", "name": "c"},
    }
    monkeypatch.setattr(lines, "_ask", ask)
    monkeypatch.setattr(lines.inventory, "hosts", lambda _: known)
    session = Session(stack="lab", environ={})

    assert lines.ask(session, "{}", 1) == []
    assert asked == ["a", "b"]
    silent.add("b")
    with pytest.raises(UserError, match="b does not answer"):
        lines.ask(session, "{}", 1)
