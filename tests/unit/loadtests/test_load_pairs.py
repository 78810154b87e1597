"""Two releases in the same blocks of time: who is asked, and what is counted of each."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from loadtests import locusting, pairs, shapes
from loadtests.pairs import Answer, Pairs
from loadtests.target import Target, TargetError
from loadtests.world import World

PUBLIC, PREVIEW = "https://127.0.0.1:1", "https://127.0.0.1:2"
BOTH = Target(PUBLIC, preview=PREVIEW)


def test_the_active_release_is_judged_against_the_idle_one_or_the_other_way_round() -> None:
    assert BOTH.sides("active") == (("old", PREVIEW), ("new", PUBLIC))
    assert BOTH.sides("idle") == (("old", PUBLIC), ("new", PREVIEW))


def test_one_address_alone_is_no_comparison() -> None:
    with pytest.raises(TargetError, match="has no preview address"):
        Target(PUBLIC).sides("active")


def test_half_of_each_persona_asks_each_release_whoever_comes_in_between() -> None:
    world = World(BOTH, shapes.find("compare"), Path(), sides=BOTH.sides("active"))
    asked = [(who, world.side(who)[0]) for who in ("agent", "client", "agent", "client", "agent")]

    assert asked == [
        ("agent", "new"), ("client", "new"), ("agent", "old"), ("client", "old"), ("agent", "new"),
    ]  # fmt: skip


def test_every_persona_of_a_comparison_is_even_and_one_process_sends_it() -> None:
    shape = shapes.find("compare")
    mix = shape.mix

    assert not [n for n in (mix.agents, mix.clients, mix.streamers, mix.people) if n % 2]
    assert locusting.processes(shape, 8) == 1


def test_an_answer_counts_where_it_was_asked_for() -> None:
    found = Pairs(5.0)
    found.hear(
        request_type="GET", name="/v1/me", response_time=2500.0, exception=None,
        context={"side": "old"}, response_length=3,
    )  # fmt: skip
    found.hear(
        request_type="POST", name="/v1/chat/completions", response_time=0, exception=OSError(),
        context={"side": "new"},
    )  # fmt: skip

    first, second = found.answers
    assert (first.side, first.kind, first.tenths, first.failed) == ("old", "api", 25000, False)
    assert time.time() - first.at > 2.4
    assert (second.side, second.kind, second.failed) == ("new", "chat", True)


def test_blocks_have_percentiles_of_good_answers_and_the_first_is_left_out() -> None:
    old = [Answer("old", "api", 7.0, ms * 10, failed=False) for ms in range(1, 101)]
    new = [Answer("new", "api", 8.0, 42, failed=False), Answer("new", "api", 9.9, 0, failed=True)]
    early = Answer("old", "api", 4.9, 10, failed=False)

    assert Pairs(5.0, [early, *old, *new]).blocks(0.0) == [
        {
            "at": 7.5,
            "old": {"api": {"n": 100, "failed": 0, "p50_ms": 50.0, "p95_ms": 95.0}},
            "new": {"api": {"n": 2, "failed": 1, "p50_ms": 4.2, "p95_ms": 4.2}},
        }
    ]


def test_what_is_asked_after_the_end_is_in_no_block() -> None:
    late = [Answer("old", "api", 5.0 * pairs.BLOCKS, 10, failed=False)]

    assert Pairs(5.0, late).blocks(0.0) == []
