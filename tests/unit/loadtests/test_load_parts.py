"""The pure parts: shapes, arrivals, histograms, the ledger of messages, an agent's dialogue."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadtests import accounts, histogram, kinds, shapes, target
from loadtests.accounts import Accounts
from loadtests.dialogue import Dialogue, Heard
from loadtests.ledger import Ledger
from loadtests.pacing import Pace
from loadtests.personas.wire import Ended, ending
from loadtests.sse import events
from loadtests.target import Target, TargetError


def test_100_agents_are_135_users_of_two_accounts() -> None:
    shape = shapes.find("100")

    assert (shape.agents, shape.users(0), shape.owners) == (100, 135, 2)


def test_a_spike_rises_and_falls_and_is_over() -> None:
    shape = shapes.find("spike").within(12)

    assert [shape.users(at) for at in (0, 3.9, 4, 8, 12)] == [27, 27, 135, 27, None]


def test_a_shape_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(shapes.ShapeError, match=r"no shape 'smok': did you mean smoke\?"):
        shapes.find("smok")


def test_arrivals_keep_their_mean_rate() -> None:
    pace, now = Pace(2.0, Random(1)), 0.0  # noqa: S311 -- arrivals are no secret
    for _ in range(4000):
        now += pace.wait(now)

    assert (pace.due, pace.sent) == (4000, 4000)
    assert 1900 < now < 2100


def test_what_is_far_behind_was_due_and_is_not_sent() -> None:
    pace = Pace(1.0, Random(1))  # noqa: S311 -- arrivals are no secret
    pace.wait(0.0)
    pace.wait(100.0)

    assert pace.sent == 2
    assert pace.due > 80


def test_percentiles_are_the_least_value_at_which_the_share_lies() -> None:
    counts = dict.fromkeys(range(1, 101), 1)

    assert [histogram.percentile(counts, q) for q in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert histogram.percentile({}, 0.5) == 0


def test_a_window_is_the_difference_of_two_looks() -> None:
    assert histogram.less({1: 5, 2: 1, 3: 2}, {1: 2, 2: 1}) == {1: 3, 3: 2}


@pytest.mark.parametrize(
    ("method", "name", "kind"),
    [
        ("GET", "/v1/me", kinds.API),
        ("POST", "/v1/chat/completions", kinds.CHAT),
        (kinds.STREAM, "/v1/chat/completions", kinds.STREAM),
        ("GET", "/sign-in", kinds.PAGE),
        ("POST", "/sign-in", kinds.SIGN_IN),
    ],
)
def test_an_entry_of_locust_has_a_kind(method: str, name: str, kind: str) -> None:
    assert kinds.of(method, name) == kind


def test_a_message_that_comes_twice_is_doubled_and_one_that_does_not_come_is_missing() -> None:
    ledger = Ledger()
    ledger.send("a", "x", "y", 1.0)
    ledger.send("a", "x", "y", 1.5)  # again, after a reconnect
    ledger.send("b", "x", "y", 1.0)

    assert (ledger.arrive("a", 3.0), ledger.arrive("a", 4.0)) == (2.0, None)
    assert (ledger.sent, ledger.arrived, ledger.doubled, ledger.missing) == (2, 1, 1, 1)
    assert (ledger.owed("y"), ledger.owed("z")) == (1, 0)


def test_a_message_that_nobody_sent_is_strange() -> None:
    ledger = Ledger()

    assert ledger.arrive("a", 1.0) is None
    assert (ledger.strange, ledger.arrived) == (1, 0)


def registered(received: int) -> dict[str, Any]:
    return {"type": "registered", "resume": "token", "received": received}


def test_an_agent_that_comes_back_sends_again_what_did_not_arrive() -> None:
    agent = Dialogue("x", Ledger())
    assert agent.welcome(registered(0)) == []
    agent.task("y", 1.0)
    second = agent.task("y", 1.0)

    assert agent.hello() == {
        "type": "register", "name": "x", "capabilities": ["load"], "resume": "token", "seen": 0,
    }  # fmt: skip
    assert agent.welcome(registered(1)) == [second]
    assert agent.task("y", 2.0)["seq"] == 3


def test_a_task_is_answered_with_a_result_and_acknowledged_once() -> None:
    ledger = Ledger()
    x, y = Dialogue("x", ledger), Dialogue("y", ledger)
    sent = x.task("y", 1.0)
    heard = y.hear({**sent, "from": "x", "seq": 7}, 3.0)

    assert heard.seconds == 2.0
    assert [(a["type"], a["to"], a["seq"], a["ok"]) for a in heard.answers] == [
        ("result", "x", 1, True)
    ]
    assert (y.ack(), y.ack()) == ({"type": "ack", "seq": 7}, None)
    assert y.hear({**sent, "from": "x", "seq": 8}, 3.0) == Heard()
    assert ledger.doubled == 1


def test_a_refused_message_is_not_sent_again_and_stays_missing() -> None:
    agent = Dialogue("x", Ledger())
    agent.task("y", 1.0)
    agent.hear({"type": "refused", "seq": 1, "code": "inbox_full"}, 2.0)

    assert (agent.outbox, agent.refused, agent.ledger.missing) == ({}, 1, 1)


class Text:
    """A stream that is already there."""

    def __init__(self, text: bytes) -> None:
        self.lines = text.splitlines(keepends=True)

    def readline(self, sep: bytes) -> bytes:
        assert sep == b"\n"
        return self.lines.pop(0) if self.lines else b""


def test_events_of_a_stream_are_told_apart() -> None:
    text = b": hello\n\ndata: 1\r\n\r\nevent: x\ndata: 2\ndata: 3\n\ndata: cut"

    assert list(events(Text(text))) == ["1", "2\n3"]


def test_a_close_frame_has_a_code_and_a_reason() -> None:
    assert ending(b"\x03\xf4restart: bye") == Ended(1012, "restart: bye")
    assert ending(b"") == Ended(1005)


def test_load_goes_to_loopback_alone_and_never_to_production() -> None:
    with pytest.raises(TargetError, match="is not on loopback"):
        target.of({"url": "https://example.org"})
    with pytest.raises(TargetError, match="production is not loaded"):
        target.of({"url": "https://127.0.0.1:1", "stack": "production"})
    assert target.of({"url": "https://localhost:1"}).stack == "lab"


def test_a_target_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "target.json"
    with pytest.raises(TargetError, match="No such file"):
        target.load(str(file))
    file.write_text("[]")
    with pytest.raises(TargetError, match="holds no JSON object"):
        target.load(str(file))


def test_accounts_are_read_by_this_user_alone_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "new" / "accounts.json"
    given = Accounts(("a@b.c",), ("dash_key",), "word")
    accounts.write(file, given)

    assert file.stat().st_mode & 0o777 == 0o600
    assert accounts.read(file) == given
    assert "dash_key" not in repr(given)
    assert "word" not in repr(given)


def test_the_folder_of_a_load_lies_in_the_stacks_own() -> None:
    assert Target(url="", directory="/x").folder == Path("/x/load")
