"""Scaled rules are the real ones: windows, names and one label differ."""

from __future__ import annotations

import re

import pytest
import yaml

from monitoring import __main__ as program
from monitoring import scaled, slo

REAL = [r for g in slo.document(*slo.load())["groups"] for r in g["rules"]]
SCALED = [r for g in scaled.document(60)["groups"] for r in g["rules"]]


def test_every_burn_rate_is_there_with_its_factor_and_budget() -> None:
    [slowly] = [r for r in SCALED if r.get("alert") == "BudgetBurnsSlowly"]

    assert slowly["expr"] == (
        "slo60:error:ratio3d * slo60:known:ratio3d > 1 * slo60:budget:ratio"
        " and slo60:error:ratio6h > 1 * slo60:budget:ratio"
        " and avg_over_time(slo60:all:rate5m[4320s]) * 4320 * slo60:known:ratio3d > 100"
    )
    own = {"scaled": "60", "slo": "{{ $labels.slo }}/60"}
    assert slowly["labels"] == {"severity": "ticket", **own}
    assert [r["alert"] for r in SCALED if "alert" in r] == [alert for alert, *_ in slo.BURNS]


def test_whatever_is_recorded_has_another_name() -> None:
    real = {r["record"] for r in REAL if "record" in r}
    made = {r["record"] for r in SCALED if "record" in r}

    assert made == {r.replace("slo:", "slo60:") for r in real - {"slo:budget:left"}}
    assert not [r for r in SCALED if re.search(r"\bslo:", r["expr"])]


def test_a_rate_keeps_as_many_samples_as_it_needs() -> None:
    [bad] = [
        r
        for r in SCALED
        if r.get("record") == "slo60:bad:rate5m" and r["labels"]["slo"] == "agents"
    ]

    assert bad["expr"] == 'sum(rate(dash_agent_closes_total{word=~"busy|slow"}[20s]))'


@pytest.mark.parametrize("by", [0, 1, 91])
def test_a_factor_that_leaves_too_short_a_window_is_refused(
    by: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["scaled", str(by)]) == 2

    told = capsys.readouterr()
    assert told.err == f"windows divided by {by}: 2 to 90, 20 s are the least\n"
    assert told.out == ""


def test_they_are_printed_as_a_file_of_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["scaled", "90"]) == 0

    groups = yaml.safe_load(capsys.readouterr().out)["groups"]
    assert [(g["name"], g["interval"]) for g in groups] == [
        ("slo_scaled", "5s"),
        ("slo_alerts_scaled", "5s"),
    ]


@pytest.mark.parametrize("argv", [["scaled"], ["scaled", "x"], ["scaled", "60", "60"], ["x"]])
def test_anything_else_is_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(argv) == 2
    assert capsys.readouterr().err.startswith("usage: python -m monitoring")
