"""Where a request goes next, as a list of steps."""

from __future__ import annotations

import pytest

from app.llm.catalog import Catalog
from app.llm.failures import Failure, Kind
from app.llm.plan import Plan

CATALOG = Catalog.model_validate(
    {
        "policy": {"retries": 1, "base_seconds": 1, "most_seconds": 4},
        "providers": {"p": {"kind": "openai", "base_url": "http://p"}},
        "models": {
            name: {
                "deployments": [{"provider": "p", "model": f"{name}{n}"} for n in range(many)],
                "capabilities": able,
                "fallback": fallback,
            }
            for name, many, able, fallback in (
                ("one", 1, ["tools"], {"unavailable": ["two", "big"], "context_length": ["big"],
                                       "capability": ["two", "eye"]}),
                ("two", 2, ["tools"], {"unavailable": ["one"]}),
                ("big", 1, ["tools"], {"context_length": ["eye"]}),
                ("eye", 1, ["tools", "vision"], {}),
            )
        },
    }
)  # fmt: skip
SERVER, OPEN = Failure(Kind.SERVER, "x"), Failure(Kind.OPEN, "x")
LONG, POLICY = Failure(Kind.CONTEXT_LENGTH, "x"), Failure(Kind.CONTENT_POLICY, "x")


def way(model: str, failures: list[Failure], needs: frozenset[str] = frozenset()) -> list[str]:
    """Return the deployments that are tried, with the pause before each that has one."""
    plan = Plan(CATALOG, model, needs, uniform=lambda _least, most: most)
    step, found = plan.first(), []
    for failure in failures:
        found.append(step.deployment.model + (f" after {step.pause:g}" if step.pause else ""))
        following = plan.next(failure)
        if following is None:
            return [*found, "end"]
        step = following
    return [*found, step.deployment.model]


@pytest.mark.parametrize(
    ("model", "failures", "expected"),
    [
        ("two", [SERVER] * 9, ["two0", "two1", "two0 after 1", "two1", "one0", "one0 after 1",
                               "big0", "big0 after 1", "end"]),
        ("one", [OPEN] * 9, ["one0", "two0", "two1", "big0", "end"]),
        ("two", [OPEN, SERVER, SERVER], ["two0", "two1", "two1 after 1", "one0"]),
        ("one", [LONG, LONG, LONG], ["one0", "big0", "eye0", "end"]),
        ("two", [LONG], ["two0", "end"]),
        ("two", [SERVER, POLICY], ["two0", "two1", "end"]),
        ("two", [Failure(Kind.CALLER, "x")], ["two0", "end"]),
        ("eye", [Failure(Kind.RATE_LIMITED, "x", retry_after=3), SERVER],
         ["eye0", "eye0 after 3", "end"]),
        ("eye", [Failure(Kind.RATE_LIMITED, "x", retry_after=5)], ["eye0", "end"]),
        ("eye", [Failure(Kind.REFUSED, "x")], ["eye0", "end"]),
    ],
)  # fmt: skip
def test_the_next_step_follows_from_what_went_wrong(
    model: str, failures: list[Failure], expected: list[str]
) -> None:
    assert way(model, failures) == expected


def test_a_need_leads_to_the_first_model_that_has_it_and_is_kept() -> None:
    need = frozenset({"vision"})
    assert way("one", [SERVER] * 3, need) == ["eye0", "eye0 after 1", "end"]
    with pytest.raises(Failure, match="does not support vision"):
        way("big", [], need)


def test_a_pause_is_drawn_from_nothing_up_to_its_bound() -> None:
    drawn = []

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return 0.5

    plan = Plan(CATALOG, "eye", frozenset(), uniform)
    plan.first()
    step = plan.next(SERVER)
    assert step is not None
    assert (step.pause, drawn) == (0.5, [(0.0, 1.0)])
