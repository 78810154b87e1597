"""Which faults there can be, and which calls they strike."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chaos.simulator.faults import BadFault, Fault, Faults, Kind, read, read_all


class Clock:
    """Time that a test turns."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def struck(faults: Faults, model: str = "m", seed: int = 1) -> list[str]:
    return [str(fault.kind) for fault in faults.strike(model, random.Random(seed))]  # noqa: S311 -- no secret


def of(*faults: dict[str, Any]) -> Faults:
    made = Faults()
    made.set(read_all({"faults": list(faults)}))
    return made


@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSE, Kind.TLS}])
def test_each_fault_of_calls_strikes(kind: Kind) -> None:
    assert struck(of({"kind": kind})) == [kind]


@pytest.mark.parametrize("kind", [Kind.REFUSE, Kind.TLS])
def test_faults_of_connections_strike_no_call(kind: Kind) -> None:
    faults = of({"kind": kind})
    assert struck(faults) == []
    assert faults.has(kind)


def test_a_fault_of_one_model_leaves_the_others_alone() -> None:
    faults = of({"kind": "status", "model": "large"})
    assert struck(faults, "large") == ["status"]
    assert struck(faults, "small") == []


def test_a_fault_strikes_as_often_as_it_was_told() -> None:
    faults = of({"kind": "reset", "times": 2, "model": "m"})
    assert [struck(faults), struck(faults, "other"), struck(faults), struck(faults)] == [
        ["reset"], [], ["reset"], [],
    ]  # fmt: skip


def test_a_share_of_calls_is_struck_and_the_seed_says_which() -> None:
    faults = of({"kind": "reset", "share": 0.3})
    first = [struck(faults, seed=n) for n in range(1000)]
    assert first == [struck(faults, seed=n) for n in range(1000)]
    assert 240 < sum(map(len, first)) < 360


def test_a_fault_with_a_period_comes_and_goes() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.set([Fault(kind=Kind.REFUSE, period=10), Fault(kind=Kind.STATUS, period=5)])
    seen = []
    for now in (100, 104, 106, 111, 121):
        clock.now = now
        seen.append((faults.has(Kind.REFUSE), struck(faults)))
    assert seen == [
        (True, ["status"]), (True, ["status"]), (True, []), (False, ["status"]), (True, ["status"]),
    ]  # fmt: skip


def test_delays_go_with_one_fault_that_ends_a_call() -> None:
    faults = of({"kind": "cut"}, {"kind": "slow_tokens"}, {"kind": "status"})
    assert struck(faults) == ["slow_tokens", "cut"]


def test_new_faults_replace_the_old_ones() -> None:
    faults = of({"kind": "cut"})
    faults.set([])
    assert struck(faults) == []
    assert faults.documents() == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "an object with kind"),
        ([], "an object with kind"),
        ({}, "kind is None: choose one of refuse"),
        ({"kind": "explode"}, "kind is 'explode'"),
        ({"kind": "cut", "afer": 3}, "there is no 'afer'"),
        ({"kind": "cut", "model": ""}, "model is ''"),
        ({"kind": "cut", "model": 3}, "model is 3"),
        ({"kind": "cut", "share": 1.5}, "share is 1.5: a number from 0 to 1"),
        ({"kind": "cut", "share": True}, "share is True"),
        ({"kind": "cut", "share": float("nan")}, "share is nan"),
        ({"kind": "cut", "times": 0}, "times is 0: a whole number from 1"),
        ({"kind": "cut", "times": 1.5}, "times is 1.5"),
        ({"kind": "status", "status": 200}, "status is 200: a whole number from 400 to 599"),
        ({"kind": "status", "status": "500"}, "status is '500'"),
        ({"kind": "timeout", "seconds": -1}, "seconds is -1"),
        ({"kind": "timeout", "seconds": None}, "seconds is None"),
        ({"kind": "huge", "bytes": 1 << 40}, "bytes is"),
        ({"kind": "refuse", "model": "m"}, "refuse is of connections"),
        ({"kind": "tls", "share": 0.5}, "tls is of connections"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_wrong(document: object, words: str) -> None:
    with pytest.raises(BadFault) as raised:
        read(document)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("document", [None, [], {}, {"faults": {}}, {"faults": "cut"}])
def test_faults_come_as_a_list(document: object) -> None:
    with pytest.raises(BadFault):
        read_all(document)


def test_a_fault_is_shown_as_it_was_given() -> None:
    given = {"kind": "rate_limited", "retry_after": 3.0, "model": "m", "times": None}
    assert read(of(given).documents()[0]) == read(given)
