"""The objectives' rules with shorter windows, under other names: a month's alerts in minutes.

A budget of three days that is spent too fast is told within three days, and is over when three
days are: no experiment waits for that. Divided by a factor the same expressions are evaluated over
minutes, loaded beside the real ones while an experiment runs (`python -m monitoring scaled 60`).
Only windows, names and a label differ; the factors and budgets are the real ones.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from monitoring import slo

INTERVAL = "5s"  # as often as there are samples
# A rate wants some scrapes of five seconds; a factor that leaves less than that is refused.
SHORTEST = 20
MOST = slo.seconds("30m") // SHORTEST
DURATION = re.compile(r"\[(\d+)([smhd])(?::\d+s)?\]")
PRODUCT = re.compile(r"\* (\d+) \* (?=slo:known)")
SECONDS = {"s": 1, **slo.SECONDS}


def expression(text: str, by: int) -> str:
    """Return an expression over windows that are a fraction as long."""

    def window(found: re.Match[str]) -> str:
        length = max(SHORTEST, int(found[1]) * SECONDS[found[2]] // by)
        step = f":{max(1, length // slo.LOOKS)}s" if ":" in found[0] else ""
        return f"[{length}s{step}]"

    text = PRODUCT.sub(lambda found: f"* {int(found[1]) // by} * ", DURATION.sub(window, text))
    return text.replace("slo:", f"slo{by}:")


def rule(given: dict[str, Any], by: int) -> dict[str, Any]:
    """Return one rule, renamed: an alert keeps its name and says that it is scaled."""
    made = {**given, "expr": expression(given["expr"], by)}
    if "record" in given:
        return {**made, "record": given["record"].replace("slo:", f"slo{by}:")}
    words = given["annotations"]
    return {
        **made,
        # A name of its own for the objective too: the real page would hold the scaled ticket back.
        "labels": {**given["labels"], "scaled": str(by), "slo": f"{{{{ $labels.slo }}}}/{by}"},
        "annotations": {
            **words, "summary": f"{words['summary']} (windows divided by {by}, for an experiment)"
        },
    }  # fmt: skip


def document(by: int) -> dict[str, Any]:
    """Return the rule file. Raises BadObjective: the factor leaves too short a window."""
    if not 1 < by <= MOST:
        raise slo.BadObjective(f"windows divided by {by}: 2 to {MOST}, {SHORTEST} s are the least")
    burns = {alert for alert, *_ in slo.BURNS}
    groups = slo.document(*slo.load())["groups"]
    return {
        "groups": [
            {
                "name": f"{group['name']}_scaled",
                "interval": INTERVAL,
                "rules": [
                    rule(each, by)
                    for each in group["rules"]
                    if "record" in each or each["alert"] in burns
                ],
            }
            for group in groups
            if group["name"] != "slo_budget"
        ]
    }


def text(by: int) -> str:
    """Return the rule file's text. Raises BadObjective."""
    return yaml.safe_dump(document(by), sort_keys=False, width=120)
