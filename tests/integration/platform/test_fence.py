"""Fencing numbers: what was overtaken cannot change a host any more."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.dash.platform.plugins.module_utils import fence, files, paths


def test_a_host_that_has_seen_none_takes_any() -> None:
    fence.check(7)

    assert fence.seen() == 7


def test_a_smaller_number_is_refused_with_the_words_of_the_architecture() -> None:
    fence.check(12)

    with pytest.raises(fence.Overtaken) as refused:
        fence.check(11)

    assert str(refused.value) == (
        "this host has seen fencing number 12; 11 is an operation that was overtaken"
    )
    assert fence.seen() == 12


def test_the_same_number_goes_on_and_a_larger_one_is_remembered() -> None:
    for number in (3, 3, 4):
        fence.check(number)

    assert fence.seen() == 4


def test_a_number_can_be_claimed_once() -> None:
    fence.claim(5)

    with pytest.raises(fence.Overtaken, match=r"5 is taken.*Next: run the command again"):
        fence.claim(5)


def test_of_many_that_claim_the_same_number_one_gets_it() -> None:
    got: list[int] = []

    def claim(n: int) -> None:
        try:
            fence.claim(9)
        except fence.Overtaken:
            return
        got.append(n)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 1


@pytest.mark.parametrize("text", ["", "x", "-1", "²", "\ufffd"])
def test_a_file_without_a_number_decides_nothing(text: str) -> None:
    paths.FENCE.write_text(text, encoding="utf-8")

    with pytest.raises(files.CorruptFile, match="not a number"):
        fence.check(100)
