"""Recording rules and burn-rate alerts from the objectives in slos.yml.

A budget is what an objective leaves over. Burning it 14.4 times too fast spends 2 % of a month's in
an hour; a long window says that it is real and a short one that it still goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

HERE = Path(__file__).parent
SOURCE = HERE / "slos.yml"
RULES = HERE / "rules" / "slo.yml"
WINDOWS = ("5m", "30m", "1h", "6h", "3d")
# Alert, severity, how many times too fast, long window, short window
BURNS = (
    ("BudgetBurnsFast", "page", 14.4, "1h", "5m"),
    ("BudgetBurns", "page", 6.0, "6h", "30m"),
    ("BudgetBurnsSlowly", "ticket", 1.0, "3d", "6h"),
)
# With less than this many requests in the long window one failure would be a page.
ENOUGH = 100
# How often a window is looked at to tell how much of it is known. Younger stacks know only a part.
LOOKS = 60
SECONDS = {"m": 60, "h": 3600, "d": 86400}
HEAD = """\
# Made from monitoring/slos.yml: type python -m monitoring
# yamllint disable rule:line-length
"""


class BadObjective(ValueError):
    """An objective that cannot be; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One promise, and how keeping it is measured."""

    name: str
    objective: float
    promise: str
    bad: str
    all: str
    capability: str = "everything"
    quiet: bool = False

    @classmethod
    def parse(cls, name: str, given: dict[str, Any]) -> Self:
        """Return an objective as the file has it. Raises BadObjective."""
        try:
            found = cls(name=name, **given)
        except TypeError as error:
            raise BadObjective(f"objective {name}: {error}") from None
        if not 0 < found.objective < 100:  # noqa: PLR2004 -- percent
            raise BadObjective(f"objective {name} is {found.objective} %: between 0 and 100")
        return found

    @property
    def budget(self) -> float:
        """What may go wrong, as a share."""
        return round(1 - self.objective / 100, 9)


def load(path: Path = SOURCE) -> tuple[int, list[Objective]]:
    """Return the period in days, and the objectives. Raises BadObjective."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    objectives = [Objective.parse(*each) for each in document["objectives"].items()]
    return int(document["period_days"]), objectives


def seconds(window: str) -> int:
    """Return a window's length."""
    return int(window[:-1]) * SECONDS[window[-1]]


def _record(name: str, expr: str, slo: str) -> dict[str, Any]:
    return {"record": name, "expr": expr, "labels": {"slo": slo}}


def recordings(one: Objective) -> list[dict[str, Any]]:
    """Return what is kept of an objective, and its ratio over each window."""
    slo = f'{{slo="{one.name}"}}'
    rules = [
        _record("slo:bad:rate5m", one.bad, one.name),
        _record("slo:all:rate5m", one.all, one.name),
        _record("slo:budget:ratio", f"vector({one.budget:g})", one.name),
    ]
    for window in WINDOWS:
        bad, total = f"slo:bad:rate5m{slo}", f"slo:all:rate5m{slo}"
        if window != "5m":
            bad, total = (f"sum_over_time({x}[{window}])" for x in (bad, total))
        rules.append(_record(f"slo:error:ratio{window}", f"{bad} / ({total} > 0)", one.name))
    return rules


def left(one: Objective, days: int) -> dict[str, Any]:
    """Return the rule for the share of the budget that is left: 1 untouched, 0 spent."""
    slo = f'{{slo="{one.name}"}}'
    bad, total = (f"sum_over_time(slo:{x}:rate5m{slo}[{days}d])" for x in ("bad", "all"))
    expr = f"1 - ({bad} / ({total} > 0)) / {one.budget:g}"
    return _record("slo:budget:left", expr, one.name)


def known(window: str) -> dict[str, Any]:
    """Return the rule for the share of a window of which anything is known, for all objectives."""
    step = seconds(window) // LOOKS
    looks = f"count_over_time(slo:all:rate5m[{window}:{step}s])"
    return {"record": f"slo:known:ratio{window}", "expr": f"clamp_max({looks} / {LOOKS}, 1)"}


def burn(alert: str, severity: str, factor: float, long: str, short: str) -> dict[str, Any]:
    """Return one alert for all objectives.

    What spends a budget is how much of the whole window was bad. A stack of half an hour that was
    down for a minute was not down for a thirtieth of six hours: what is not known counts as good.
    """
    bad = f"slo:error:ratio{long} * slo:known:ratio{long}"
    # Rates are requests a second; an average of them times what is known is how many there were.
    requests = f"avg_over_time(slo:all:rate5m[{long}]) * {seconds(long)} * slo:known:ratio{long}"
    expr = (
        f"{bad} > {factor:g} * slo:budget:ratio"
        f" and slo:error:ratio{short} > {factor:g} * slo:budget:ratio and {requests} > {ENOUGH}"
    )
    return {
        "alert": alert,
        "expr": expr,
        "labels": {"severity": severity},
        "annotations": {
            "summary": f"{{{{ $labels.slo }}}} burns its budget {factor:g} times too fast",
            "description": f"{{{{ $value | humanizePercentage }}}} of the last {long} were bad.",
            "runbook": f"docs/runbooks/{alert}.md",
        },
    }


def unmeasured(one: Objective) -> dict[str, Any]:
    """Return the alert for an objective of which nothing is known."""
    here = f'on () dash:capability{{capability="{one.capability}"}} == 1'
    return {
        "alert": "ObjectiveUnmeasured",
        "expr": f'absent(slo:all:rate5m{{slo="{one.name}"}}) and {here}',
        "for": "5m",
        "labels": {"severity": "ticket", "slo": one.name},
        "annotations": {
            "summary": f"nothing is known of {one.name}",
            "description": "What the objective is measured with is not there.",
            "runbook": "docs/runbooks/ObjectiveUnmeasured.md",
        },
    }


def document(days: int, objectives: list[Objective]) -> dict[str, Any]:
    """Return the rule file."""
    lasting = [one for one in objectives if not one.quiet]
    return {
        "groups": [
            {
                "name": "slo",
                "interval": "15s",
                "rules": [
                    *(rule for one in objectives for rule in recordings(one)),
                    *(known(long) for *_, long, _ in BURNS),
                ],
            },
            {
                "name": "slo_budget",
                "interval": "2m",
                "rules": [left(one, days) for one in objectives],
            },
            {
                "name": "slo_alerts",
                "interval": "15s",
                "rules": [*(burn(*b) for b in BURNS), *map(unmeasured, lasting)],
            },
        ]
    }


def text(path: Path = SOURCE) -> str:
    """Return the rule file's text. Raises BadObjective."""
    return HEAD + yaml.safe_dump(document(*load(path)), sort_keys=False, width=120)
