"""Old against new under the same load: pass, fail or not known, each with its n."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import comparison
from ansible_collections.dash.platform.plugins.module_utils.comparison import compare

# Published: the largest T+ that is significant at 5 %, one-sided (Wilcoxon's table).
PUBLISHED = {5: 0, 6: 2, 7: 3, 8: 5, 9: 8, 10: 10, 11: 13, 12: 17, 15: 30, 20: 60, 25: 100}


def side(p50: float, p95: float, n: int = 50, failed: int = 0) -> dict[str, Any]:
    return {"api": {"n": n, "failed": failed, "p50_ms": p50, "p95_ms": p95}}


def blocks(slower: float, many: int = 12, **new: Any) -> list[dict[str, Any]]:
    """Blocks of a machine that is disturbed by half, where the new release is slower by a share."""
    random, found = Random(1), []  # noqa: S311 -- noise is no secret
    for _ in range(many):
        p50 = 40 * random.lognormvariate(0, 0.4)
        p95 = 3 * p50
        noise = random.lognormvariate(0, 0.03)
        found.append({
            "old": side(p50, p95), "new": side(p50 * slower * noise, p95 * slower * noise, **new),
        })  # fmt: skip
    return found


def test_critical_values_are_those_of_the_published_table() -> None:
    assert {n: comparison.critical(n, 0.05) for n in PUBLISHED} == PUBLISHED
    assert comparison.critical(4, 0.05) is None


def test_the_estimate_and_its_bounds_are_walsh_averages() -> None:
    """By hand: of 1, 2, 3, 4 and 10 the median average is 3; all five agree with 3 % by chance."""
    assert comparison.hodges_lehmann([1, 2, 3, 4, 10], 0.05) == comparison.Bounds(3.0, 1.0, 10.0)


def test_the_same_release_passes_on_a_machine_that_is_disturbed() -> None:
    found = compare(blocks(1.0))

    assert (found["verdict"], found["why"], found["n"], found["blocks"]) == ("pass", [], 600, 12)
    assert [(p["percentile"], p["n"], p["verdict"]) for p in found["parts"]] == [
        ("p50_ms", 12, "pass"), ("p95_ms", 12, "pass"),
    ]  # fmt: skip


def test_a_release_that_takes_half_as_long_again_fails_and_both_figures_are_named() -> None:
    found = compare(blocks(1.6))

    assert found["verdict"] == "fail"
    assert any(line.startswith("p95 of api is ") and "old one's" in line for line in found["why"])
    assert all("over 12 blocks: surely slower by more than 25%" in line for line in found["why"])


def test_what_lies_at_the_margin_is_not_known() -> None:
    assert compare(blocks(1.25))["verdict"] == "inconclusive"


def test_a_release_that_is_quicker_passes() -> None:
    assert compare(blocks(0.5))["verdict"] == "pass"


def test_four_blocks_say_nothing_whatever_they_hold() -> None:
    assert compare(blocks(1.0, many=4))["verdict"] == "inconclusive"
    found = compare(blocks(9.0, many=4))

    assert found["verdict"] == "inconclusive"
    assert all(line.endswith("over 4 blocks: too few blocks to tell") for line in found["why"][1:])


def test_a_few_milliseconds_are_no_fault_whatever_share_they_are() -> None:
    quick = [{"old": side(2, 4), "new": side(11.9, 13.9)}] * 12

    assert compare(quick)["verdict"] == "pass"


def test_one_kind_that_fails_is_enough_and_every_kind_must_pass() -> None:
    good, bad = blocks(1.0), blocks(1.6)
    both = [
        {name: {**one[name], "chat": other[name]["api"]} for name in ("old", "new")}
        for one, other in zip(good, bad, strict=True)
    ]
    found = compare(both)

    assert found["verdict"] == "fail"
    assert {p["kind"] for p in found["parts"] if p["verdict"] == "fail"} == {"chat"}


def test_too_few_answers_have_no_percentile_and_nothing_passes_by_that() -> None:
    found = compare(blocks(1.0, n=9))

    assert (found["verdict"], found["parts"]) == ("inconclusive", [])
    assert "no kind was answered 10 times a block on both sides" in found["why"]


def test_errors_are_judged_by_exact_bounds_as_a_deploy_judges_them() -> None:
    found = compare(blocks(1.0, failed=2))

    assert found["verdict"] == "fail"
    assert found["why"] == ["24 of 600 requests failed, 1.0% is allowed"]


def test_errors_that_both_have_are_not_the_new_ones() -> None:
    shared = [{"old": block["new"], "new": block["new"]} for block in blocks(1.0, failed=2)]

    assert compare(shared)["errors"]["verdict"] != "fail"


@pytest.mark.parametrize("found", [[], [{"old": {}, "new": {}}]])
def test_nothing_measured_is_nothing_known(found: list[dict[str, Any]]) -> None:
    assert compare(found)["verdict"] == "inconclusive"
