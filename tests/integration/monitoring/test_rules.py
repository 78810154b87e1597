"""Every alert fires when it should and is silent when it should be, as promtool evaluates it."""

from __future__ import annotations

import shutil
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import reference, scaled, slo
from tests.integration.monitoring.promtool import groups, run

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).resolve().parents[3]


def cases() -> dict[str, list[dict[str, Any]]]:
    """Return every case by its alert."""
    files = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(CASES.glob("*.yml"))]
    return dict(chain.from_iterable(file.items() for file in files))


def firing(alert: str, severity: str, labels: dict[str, str] | None) -> tuple[str, list[Any]]:
    """Return a question about an alert, and its answer; without labels, that it is silent."""
    keys = ", ".join(("alertname", "severity", *(labels or ())))
    expr = f'max by ({keys}) (ALERTS{{alertname="{alert}",alertstate="firing"}})'
    if labels is None:
        return expr, []
    named = {"alertname": alert, "severity": severity, **labels}
    inner = ",".join(f'{name}="{value}"' for name, value in named.items())
    return expr, [{"labels": f"{{{inner}}}", "value": 1}]


def promtool_case(alert: str, severity: str, case: dict[str, Any]) -> dict[str, Any]:
    """Return a case as promtool has it."""
    asked = [(at, None) for at in case.get("quiet", [])] + list(case.get("fires", {}).items())
    questions = []
    for at, labels in asked:
        expr, answer = firing(alert, severity, labels)
        questions.append({"expr": expr, "eval_time": at, "exp_samples": answer})
    return {
        "name": alert,
        "interval": case.get("every", "5s"),
        "input_series": [{"series": s, "values": v} for s, v in case["series"].items()],
        "promql_expr_test": questions,
    }


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    known = {alert.name for alert in reference.alerts()}
    found = cases()

    assert set(found) == known
    for name, each in found.items():
        assert any(case.get("fires") for case in each), name
        assert name == "Watchdog" or any(case.get("quiet") for case in each), name


@pytest.mark.timeout(300)
def test_alerts_fire_and_are_silent_as_their_cases_say(tmp_path: Path) -> None:
    """Cases of one step are one file: promtool evaluates as often as values come."""
    shutil.copytree(ROOT / "monitoring/rules", tmp_path / "rules")
    severity = {alert.name: alert.severity for alert in reference.alerts()}
    by_step: dict[str, list[Any]] = defaultdict(list)
    for name, each in cases().items():
        for case in each:
            by_step[case.get("every", "5s")].append(promtool_case(name, severity[name], case))
    for step, tests in by_step.items():
        document = {
            "rule_files": ["rules/*.yml"],
            "group_eval_order": groups(tmp_path / "rules"),
            "evaluation_interval": step,
            "tests": tests,
        }
        (tmp_path / f"{step}.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    said = run(tmp_path, *(f"promtool test rules {step}.yml" for step in by_step))

    assert said.count("SUCCESS") == len(by_step), said
    assert "FAILED" not in said, said


def shorter(time: str, by: int) -> str:
    """Return a time of a case, divided."""
    return f"{slo.seconds(time) // by}s"


@pytest.mark.timeout(300)
def test_scaled_windows_tell_in_a_fifteenth_of_the_time_what_the_real_ones_tell(
    tmp_path: Path,
) -> None:
    """The cases of the burn rates, played faster: as much so as no window becomes too short."""
    by = slo.seconds("5m") // scaled.SHORTEST
    (tmp_path / "scaled.yml").write_text(scaled.text(by), encoding="utf-8")
    severity = {alert.name: alert.severity for alert in reference.alerts()}
    files = []
    for alert, *_ in slo.BURNS:
        for number, case in enumerate(cases()[alert]):
            played = {
                "every": shorter(case["every"], by),
                "series": case["series"],
                "quiet": [shorter(at, by) for at in case.get("quiet", [])],
                "fires": {
                    shorter(at, by): {**labels, "scaled": str(by), "slo": f"{labels['slo']}/{by}"}
                    for at, labels in case.get("fires", {}).items()
                },
            }
            files.append(f"{alert}{number}.test.yml")
            document = {
                "rule_files": ["scaled.yml"],
                "group_eval_order": ["slo_scaled", "slo_alerts_scaled"],
                "evaluation_interval": played["every"],
                "tests": [promtool_case(alert, severity[alert], played)],
            }
            (tmp_path / files[-1]).write_text(yaml.safe_dump(document), encoding="utf-8")

    said = run(
        tmp_path,
        "promtool check rules --lint-fatal scaled.yml",
        *(f"promtool test rules {name}" for name in files),
    )

    assert len(files) >= 8
    assert said.count("SUCCESS") == len(files) + 1, said


def test_promtool_takes_every_rule_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "monitoring/rules", tmp_path / "rules")

    said = run(tmp_path, "promtool check rules --lint-fatal rules/*.yml")

    assert said.count("SUCCESS") == len(list((tmp_path / "rules").iterdir())), said
