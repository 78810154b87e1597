"""Give Prometheus rules that an experiment needs, and take them away again."""

from __future__ import annotations

from typing import Any

import yaml

from chaos import levers, metadata, rules, running
from chaos.client import ROOT, WorldError

__all__ = ["add_failing", "add_unreadable", "lower", "remove"]

MONITOR = "monitor-1"
# Every host has a series on both sides of `job`: Prometheus refuses to match many to many.
FAILING = "up * on (job) up"
UNREADABLE = "groups: [{name: chaos, rules: [{alert: Chaos, expr: '1 +'}]}]\n"


def add_failing(host: str = MONITOR) -> None:
    """Load a rule that can be read and not be evaluated."""
    rule = {"record": "chaos:failing", "expr": FAILING}
    text = yaml.safe_dump({"groups": [{"name": "chaos", "rules": [rule]}]})
    _add(host, "failing", f"a rule of Prometheus on {host} that fails", text)


def add_unreadable(host: str = MONITOR) -> None:
    """Give Prometheus a file of rules that it cannot read: it goes on with what it had."""
    what = f"a file of rules on {host} that Prometheus cannot read"
    _add(host, "unreadable", what, UNREADABLE, readable=False)


def lower(alert: str, limit: int, to: int, host: str = MONITOR) -> None:
    """Load an alert's rule once more, with a limit that an experiment can meet.

    The real one stays, and says the same to everybody else. The alert has the label `scaled`.

    Args:
        alert: whose rule.
        limit: as the rule has it, once.
        to: instead of it.
        host: of Prometheus.

    Raises:
        WorldError: there is no such rule, or it has no such limit.
    """
    rule = _rule(alert)
    words = str(rule["expr"]).split()
    if words.count(str(limit)) != 1:
        raise WorldError(
            f"the rule of {alert} does not have the limit {limit} once: {rule['expr']}"
        )
    expr = " ".join(str(to) if word == str(limit) else word for word in words)
    rule = {**rule, "expr": expr, "labels": {**rule["labels"], metadata.SCALED: f"{limit} to {to}"}}
    text = yaml.safe_dump({"groups": [{"name": f"chaos_{alert}", "rules": [rule]}]})
    _add(host, alert, f"the limit of {alert} on {host} lowered from {limit} to {to}", text)


def remove(name: str, host: str = MONITOR) -> None:
    """Take a file of rules away again.

    Args:
        name: failing, unreadable, or the alert whose limit was lowered.
        host: of Prometheus.
    """
    levers.undo_on(host, remove, rules.take(_file(name)), name=name)


def _add(host: str, name: str, what: str, text: str, *, readable: bool = True) -> None:
    host = running.current().host(host)
    levers.do(
        remove, {"host": host, "name": name}, what=what, host=host, mend=rules.take(_file(name)),
        script=rules.put(_file(name), text, readable=readable),
    )  # fmt: skip


def _file(name: str) -> str:
    return f"{rules.DIRECTORY}/chaos_{name}.yml"


def _rule(alert: str) -> dict[str, Any]:
    """Return the rule of an alert as monitoring/rules has it. Raises WorldError."""
    for path in sorted((ROOT / "monitoring" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") == alert:
                    return dict(rule)
    raise WorldError(f"monitoring/rules have no alert {alert}")
