"""Rules from objectives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from monitoring import slo

ONE = slo.Objective(name="x", objective=99.9, promise="p", bad="b", all="a")


def test_the_budget_is_what_the_objective_leaves_over() -> None:
    assert ONE.budget == 0.001


def test_an_objective_is_measured_over_every_window_of_the_alerts() -> None:
    names = {rule["record"] for rule in slo.recordings(ONE)}
    needed = {window for *_, long, short in slo.BURNS for window in (long, short)}

    assert needed <= set(slo.WINDOWS)
    assert {f"slo:error:ratio{window}" for window in slo.WINDOWS} < names
    assert all(rule["labels"] == {"slo": "x"} for rule in slo.recordings(ONE))


def test_a_burn_is_judged_over_a_long_and_a_short_window() -> None:
    rule = slo.burn("A", "page", 14.4, "1h", "5m")

    assert "slo:error:ratio1h * slo:known:ratio1h > 14.4 * slo:budget:ratio" in rule["expr"]
    assert "slo:error:ratio5m > 14.4 * slo:budget:ratio" in rule["expr"]
    assert "* 3600 * slo:known:ratio1h > 100" in rule["expr"]


def test_what_is_left_is_over_the_period() -> None:
    assert "[30d]" in slo.left(ONE, 30)["expr"]
    assert slo.left(ONE, 30)["expr"].endswith("/ 0.001")


def test_an_objective_of_what_a_stack_lacks_is_not_missed() -> None:
    assert 'dash:capability{capability="everything"}' in slo.unmeasured(ONE)["expr"]


def test_a_quiet_objective_may_be_absent() -> None:
    quiet = slo.Objective(name="q", objective=99, promise="p", bad="b", all="a", quiet=True)
    rules = slo.document(30, [ONE, quiet])["groups"][-1]["rules"]

    assert [r["labels"]["slo"] for r in rules if r["alert"] == "ObjectiveUnmeasured"] == ["x"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"objective": 100, "promise": "p", "bad": "b", "all": "a"}, "is 100 %: between 0 and 100"),
        ({"objective": 0, "promise": "p", "bad": "b", "all": "a"}, "is 0 %: between 0 and 100"),
        ({"objektive": 99}, "unexpected keyword argument 'objektive'"),
        ({"objective": 99}, "missing"),
    ],
)
def test_an_objective_that_cannot_be_is_one_line(
    tmp_path: Path, given: dict[str, object], said: str
) -> None:
    path = tmp_path / "slos.yml"
    path.write_text(yaml.safe_dump({"period_days": 30, "objectives": {"x": given}}))

    with pytest.raises(slo.BadObjective, match=said) as raised:
        slo.load(path)
    assert "\n" not in str(raised.value)


def test_the_period_fits_what_prometheus_keeps() -> None:
    root = Path(__file__).resolve().parents[3]
    defaults = yaml.safe_load((root / "roles/prometheus/defaults/main.yml").read_text())

    assert slo.load()[0] < defaults["prometheus_retention_days"]
