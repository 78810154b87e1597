"""How much of each promise's budget is left, and how fast it goes."""

from __future__ import annotations

from monitoring import slo
from monitoring.dashboards.model import Page, Panel, lines, number, q

_DAYS, _OBJECTIVES = slo.load()
# Between releases some objectives have nothing to measure: they have lost nothing then.
_NONE = "0 * slo:budget:ratio"


def _left(one: slo.Objective) -> Panel:
    expr = f'clamp_min(sum(slo:budget:left{{slo="{one.name}"}}), -1) or vector(1)'
    words = f"{one.objective:g} %: {one.promise} Share of the budget of {_DAYS} days: 1 untouched, 0 spent, -1 spent twice or more."
    return number(
        f"Left of {one.name}", "percentunit", words, q(expr, one.name), width=6, lowest=-1, least=0
    )


def _burning(alert: str, factor: float, long: str) -> Panel:
    expr = f"(sum by (slo) (slo:error:ratio{long}) or {_NONE}) / on (slo) slo:budget:ratio"
    words = f"Times too fast over {long}; at {factor:g} it is an alert."
    return lines(f"Burn rate over {long}", "none", words, q(expr, "{{slo}}"), alerts=(alert,))


PAGE = Page(
    uid="dash-slos",
    title="Objectives",
    words="How much of each promise's budget is left, and how fast does it go?",
    panels=(
        *(_left(one) for one in _OBJECTIVES),
        *(_burning(alert, factor, long) for alert, _, factor, long, _ in slo.BURNS),
        lines("Bad just now", "percentunit", "Share over five minutes, by objective.",
              q(f"sum by (slo) (slo:error:ratio5m) or {_NONE}", "{{slo}}"), width=12),
        lines("Budget left over time", "percentunit", "1 untouched, 0 spent; below 0 the promise is broken, -1 is the end of the scale.",
              q(f"clamp_min(sum by (slo) (slo:budget:left), -1) or 1 + {_NONE}", "{{slo}}"), width=12, lowest=-1, highest=1),
        lines("What is measured", "ops", "Events a second that objectives are about.",
              q(f"sum by (slo) (slo:all:rate5m) or {_NONE}", "{{slo}}"), width=12, alerts=("ObjectiveUnmeasured",)),
        lines("Alerts that fire", "none", "Watchdog always does: it shows that alerts work.",
              q('sum by (severity) (ALERTS{alertstate="firing"})', "{{severity}}"), width=12, alerts=("Watchdog",)),
    ),
)  # fmt: skip
