"""Every recording rule keeps what was worked out by hand, as promtool evaluates it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.monitoring.promtool import groups, run

SOURCE = Path(__file__).parent / "recordings" / "slo.yml"
RULES = Path(__file__).resolve().parents[3] / "monitoring" / "rules"
PLACES = 100_000


def recorded() -> set[tuple[str, str]]:
    """Return what rules record, with the objective where the rule names one."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yml")]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {(r["record"], r.get("labels", {}).get("slo", "")) for r in rules if "record" in r}


def question(record: str, values: dict[str, float], at: str) -> dict[str, Any]:
    """Return one record's question and answer, in whole numbers: promtool compares bit by bit."""
    answer = [
        {"labels": f'{{slo="{slo}"}}', "value": round(value * PLACES)}
        for slo, value in values.items()
    ]
    return {"expr": f"round({record} * {PLACES:d})", "eval_time": at, "exp_samples": answer}


def test_every_recording_rule_has_a_value_to_hold_it_to() -> None:
    values = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["values"]
    held = {(record, slo) for record, each in values.items() for slo in (*each, "")}

    assert recorded() <= held
    assert set(values) == {record for record, _ in recorded()}


@pytest.mark.timeout(300)
def test_recording_rules_keep_what_was_worked_out_by_hand(tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    case = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    document = {
        "rule_files": ["rules/*.yml"],
        "group_eval_order": groups(RULES),
        "evaluation_interval": case["every"],
        "tests": [
            {
                "interval": case["every"],
                "input_series": [{"series": s, "values": v} for s, v in case["series"].items()],
                "promql_expr_test": [question(r, v, case["at"]) for r, v in case["values"].items()],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    said = run(tmp_path, "promtool test rules tests.yml")

    assert "SUCCESS" in said, said
