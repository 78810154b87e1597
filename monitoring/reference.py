"""docs/reference/alerts.md, from the rules: `python -m monitoring` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring import matrix, slo

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "alerts.md"
BEGIN, END = "<!-- generated: python -m monitoring -->", "<!-- end -->"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert as its rule has it."""

    name: str
    group: str
    severity: str
    wait: str
    annotations: dict[str, str]


def alerts(folder: Path = slo.RULES.parent) -> list[Alert]:
    """Return every alert once, in the order of its files."""
    found: dict[str, Alert] = {}
    for path in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found.setdefault(rule["alert"], _alert(group["name"], rule))
    return list(found.values())


def _alert(group: str, rule: dict[str, Any]) -> Alert:
    return Alert(
        name=rule["alert"],
        group=group,
        severity=rule["labels"]["severity"],
        wait=rule.get("for", "at once"),
        annotations=rule["annotations"],
    )


COLUMNS = (
    "alert", "severity", "after", "what", "unit test", "experiment that fires it", "told within",
    "runbook",
)  # fmt: skip


def tables(proofs: matrix.Matrix) -> str:
    """Return the tables of alerts, with what proves them, and of objectives."""
    known = alerts()
    lines = [proofs.counted(one.name for one in known), ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for one in known:
        words = " ".join(one.annotations["summary"].replace("{{ $labels.", "*").split())
        words = words.replace(" }}", "*").replace("{{ $value | humanizeDuration*", "*so long*")
        words = words.replace("{{ $value*", "*so many*").replace("|", "\\|")
        case = f"`cases/{'burns' if one.group.startswith('slo') else 'alerts'}.yml`"
        cells = (one.name, one.severity, one.wait, words, case, *proofs.proof(one.name).cells())
        lines.append(f"| {' | '.join(cells)} |")
    days, objectives = slo.load()
    lines += ["", f"| objective over {days} days | promise |", "|---|---|"]
    lines += [f"| {one.name}: {one.objective:g} % | {one.promise} |" for one in objectives]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with fresh tables between its marks."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{tables(matrix.Matrix.read())}\n{END}{rest.partition(END)[2]}"


def write() -> None:
    """Write the rules of objectives, then the page."""
    slo.RULES.write_text(slo.text(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
