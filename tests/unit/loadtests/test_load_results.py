"""What follows from a run: first bottleneck, capacity, baseline, words and page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests import baseline, bottleneck, capacity, prometheus, result
from loadtests.__main__ import main
from loadtests.judge import table
from loadtests.report import page, pictures
from loadtests.target import Target
from tests.unit.loadtests import results


def test_the_first_resource_that_is_used_up_is_named_with_its_figures() -> None:
    found = bottleneck.find(results.server(), results.BEGAN)

    assert [(each.rule.series, each.of, each.after, each.value) for each in found] == [
        ("pool: requests that wait", "blue", 30.0, 1.0),
        ("cpu of the machine", "", 40.0, 0.9),
    ]
    assert result.first(results.document()) == (
        "first bottleneck: the service's pool of database connections: `pool: requests that wait` "
        "of blue was 1.00 after 30 s, 1 is the limit; to scale: DASH_APP_POOL_MAX, within the "
        "database's max_connections"
    )


def test_what_was_used_up_from_the_beginning_was_so_after_no_seconds() -> None:
    """Prometheus is asked by whole seconds: its first sample may lie before the run's beginning."""
    server = {"cpu of the machine": {"": [(results.BEGAN - 0.4, 1.0), (results.BEGAN + 4.6, 1.0)]}}
    (found,) = bottleneck.find(server, results.BEGAN)

    assert "was 1.00 after 0 s" in found.line


def test_one_sample_alone_at_its_limit_is_no_bottleneck() -> None:
    spike = {"cpu of the machine": {"": [(0.0, 0.1), (5.0, 1.0), (10.0, 0.1)]}}

    assert bottleneck.find(spike, 0.0) == []
    assert bottleneck.highest(spike)[0]["what"] == "the CPUs of the machine"


def test_every_rule_is_of_a_series_that_is_gathered_and_drawn() -> None:
    drawn = {name for names in pictures.PANELS.values() for name in names}

    assert {rule.series for rule in bottleneck.RULES} <= drawn <= set(prometheus.QUERIES)


def test_without_a_bottleneck_the_nearest_is_named_and_without_series_nothing() -> None:
    near = [{"what": "the CPUs of the machine", "share": 0.69, "scale": "more vCPUs"}]
    document = {**results.document(), "bottlenecks": [], "nearest": near}

    assert result.first(document) == (
        "nothing was used up; the CPUs of the machine came nearest, 69% of the limit"
    )
    assert result.first({**document, "nearest": []}) == (
        "bottleneck not known: Prometheus has no series of the run"
    )
    assert result.first({**document, "server_silent": "the stack has no monitor"}) == (
        "bottleneck not known: the stack has no monitor"
    )


POOL = "the pool, 2800% of the limit"
ALONE = f"first bottleneck, by one sample alone: {POOL}; to scale: DASH_APP_POOL_MAX"
BRIEF = f"nothing was used up for longer than one sample of five seconds; {POOL}"


@pytest.mark.parametrize(
    ("knee", "outcome", "said"),
    [(2, "passed", ALONE), (None, "missed", ALONE), (None, "passed", BRIEF)],
)
def test_one_sample_past_its_limit_is_named_where_something_was_too_slow(
    knee: int | None, outcome: str, said: str
) -> None:
    near = [{"what": "the pool", "share": 28.0, "scale": "DASH_APP_POOL_MAX"}]
    verdict = {"outcome": outcome, "why": []}
    document = {**results.document(), "bottlenecks": [], "nearest": near}

    assert result.first({**document, "knee": knee, "verdict": verdict}) == said


def test_capacity_is_of_the_last_stage_that_kept_its_thresholds() -> None:
    assert capacity.of(results.measured(), 2) == {
        "rate": 60.0, "agents": 5, "users": 27, "rate_per_vcpu": 30.0, "agents_per_vcpu": 2.5,
        "at_the_knee": 1.0,
    }  # fmt: skip


def test_a_run_of_which_no_stage_held_has_no_capacity() -> None:
    found = results.document(knee=0)

    assert found["capacity"] is None
    assert result.carried(found) == "capacity not known: no part of the run kept its thresholds"


def test_a_run_is_compared_with_its_baseline_as_ratios(tmp_path: Path) -> None:
    document, file = results.document(), tmp_path / "baseline-knee.json"
    slower = {kind: {**seen, "p95_ms": 60.0} for kind, seen in document["kinds"].items()}

    assert baseline.keep(document, file) == f"kept as the baseline: {file}"
    found = baseline.compare({**document, "kinds": slower}, file)

    assert found["compared"] is True
    assert found["ratios"]["api"] == {"p50_ms": 1.0, "p95_ms": 1.5, "p99_ms": 1.0}
    assert result.before({**document, "baseline": found}).startswith(
        "p95 as a multiple of the baseline's (0.1.0): api 1.5, chat 1.5"
    )


def test_the_baseline_of_another_machine_is_not_compared_and_it_is_said_why(
    tmp_path: Path,
) -> None:
    document, file = results.document(), tmp_path / "baseline.json"
    baseline.keep(document, file)
    machine = {**document["machine"], "cpus": 8}

    found = baseline.compare({**document, "machine": machine}, file)

    assert found == {
        "compared": False,
        "why": "the baseline is of another machine: cpus 2 is 8 now",
    }


def test_a_baseline_that_cannot_be_read_is_said_and_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text("{")

    found = baseline.compare(results.document(), file)

    assert found["compared"] is False
    assert found["why"].startswith(f"{file} cannot be read: ")


def test_only_a_run_that_passed_becomes_the_baseline(tmp_path: Path) -> None:
    missed = results.document(verdict={"outcome": "missed", "checks": [], "why": ["x"]})
    file = tmp_path / "baseline.json"

    assert baseline.keep(missed, file) == "not kept as the baseline: it did not pass"
    assert not file.exists()


def test_a_fingerprint_is_of_what_figures_depend_on(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name\t: A CPU\nmodel name\t: A CPU\n")
    (tmp_path / "meminfo").write_text("MemTotal:       25165824 kB\n")

    found = baseline.machine(Target("https://127.0.0.1:1", provider="podman"), tmp_path)

    assert (found.cpu, found.memory_gib, found.provider) == ("A CPU", 24, "podman")
    assert replace(found, cpus=found.cpus + 1) != found


def test_a_page_stands_alone_and_takes_what_it_is_told_as_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    document = results.document(errors=[{"what": "GET /", "error": evil, "n": 1}])
    page.write(tmp_path / "report.html", document)
    found = (tmp_path / "report.html").read_text("utf-8")

    assert evil not in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found
    assert found.count("data:image/png;base64,") == 3
    assert 'src="http' not in found
    assert "api, ms 390 (p99)" in found
    assert "users 54" in found
    assert "requests that wait 7 (pool blue)" in found
    assert "First bottleneck: the service&#39;s pool of database connections" in found


def test_a_comparison_is_shown_with_its_judgement_and_without_one_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = {"api": {"n": 50, "failed": 0, "p50_ms": 4.0, "p95_ms": 9.0}}
    blocks = [{"at": 5.0 * n, "old": seen, "new": seen} for n in range(1, 4)]
    part = {"kind": "api", "percentile": "p95_ms", "n": 3, "old_ms": 9.0, "new_ms": 9.0,
            "excess": -10.0, "verdict": "inconclusive"}  # fmt: skip
    judged = {"verdict": "inconclusive", "n": 150, "blocks": 3, "margin": 0.25, "floor_ms": 10.0,
              "errors": {"why": "0 of 150 requests failed"}, "parts": [part]}  # fmt: skip
    document = {**results.document(series=[]), "blocks": blocks}
    (tmp_path / "result.json").write_text(json.dumps(document))

    assert main(["report", str(tmp_path)]) == 0
    assert "is not judged here" in (tmp_path / "report.html").read_text()
    (tmp_path / "comparison.json").write_text(json.dumps(judged))
    assert main(["report", str(tmp_path)]) == 0

    found = (tmp_path / "report.html").read_text()
    assert "inconclusive: 150 requests of the new release in 3 blocks; 25 % or 10 ms" in found
    assert '<td class="n">-10.0 ms</td><td class="inconclusive">inconclusive</td>' in found
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "has no result that can be read" in capsys.readouterr().err


def test_a_kind_that_few_blocks_have_is_not_drawn() -> None:
    seen = {"n": 50, "failed": 0, "p50_ms": 4.0, "p95_ms": 9.0}
    both = {"at": 5.0, "old": {"api": seen, "chat": seen}, "new": {"api": seen, "chat": seen}}
    one = {"at": 10.0, "old": {"api": seen}, "new": {"api": seen, "chat": seen}}

    panels = pictures.of_blocks({"blocks": [both, one]})

    assert [(panel.title, len(panel.lines), panel.lines[0][1]) for panel in panels] == [
        ("api, ms", 4, [(5.0, 4.0), (10.0, 4.0)])
    ]


def test_a_run_that_measured_nothing_has_no_pictures() -> None:
    assert pictures.all_of(results.document(series=[], kinds={})) == []


@pytest.mark.parametrize("outcome", ["missed", "inconclusive"])
def test_the_verdict_and_its_reason_stand_in_one_line(outcome: str) -> None:
    verdict = {"outcome": outcome, "checks": [], "why": ["one", "two"]}

    assert result.line(results.document(verdict=verdict)) == f"knee {outcome}: one; two"


def test_two_releases_that_were_measured_have_not_passed_yet() -> None:
    assert table(results.document()).splitlines()[-1] == "passed: stage 2: api p95 is 300 ms"
    verdict = {"outcome": "passed", "checks": [], "why": []}
    both = results.document(blocks=[], verdict=verdict, knee=None)

    assert table(both).splitlines()[-1] == "both releases were measured"


def test_a_result_is_a_document_of_json() -> None:
    document = results.document()

    assert json.loads(json.dumps(document)) == {**document, "server": _as_json(document["server"])}


def _as_json(found: object) -> object:
    return json.loads(json.dumps(found))


@pytest.mark.parametrize(
    ("outcome", "knee", "busy", "wanted"),
    [
        ("missed", None, 0.9, "inconclusive"),
        ("missed", None, 0.5, "missed"),
        ("missed", None, None, "missed"),
        ("passed", None, 0.9, "passed"),
        ("passed", 1, 0.9, "inconclusive"),
    ],
)
def test_what_was_too_slow_on_a_machine_that_was_busy_anyway_is_held_against_nobody(
    outcome: str, knee: int | None, busy: float | None, wanted: str
) -> None:
    measured = results.measured(knee=knee)
    verdict = {**measured["verdict"], "outcome": outcome}
    found = result.of(
        {**measured, "verdict": verdict}, {}, "", results.MACHINE, ["0.1.0"], busy=busy
    )["verdict"]

    assert found["outcome"] == wanted
    assert ("90% busy with other things" in found["why"][0]) == (wanted == "inconclusive")
    assert found["why"][-1] == verdict["why"][-1]
