"""Dashboards ask for what exists, say what they show, and stay what they are called."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import reference, slo
from monitoring.dashboards import board
from monitoring.dashboards.model import Page, Panel, lines, q
from monitoring.dashboards.pages import PAGES, texts

ROOT = Path(__file__).resolve().parents[3]
EVERY = [
    pytest.param(page, panel, id=f"{page.uid}/{panel.title}")
    for page in PAGES
    for panel in page.panels
]
# What addresses and annotations of others hold on to: new ones come, these stay.
UIDS = {
    "dash-service",
    "dash-release",
    "dash-hosts",
    "dash-database",
    "dash-providers",
    "dash-slos",
    "dash-chaos",
}
# Of programs that are not ours: Debian 13's have them, and the test on a lab sees them filled.
FOREIGN = {
    "ALERTS", "up", "process_resident_memory_bytes", "probe_success",
    "probe_ssl_earliest_cert_expiry", "haproxy_backend_active_servers",
    "haproxy_backend_http_responses_total", "haproxy_backend_redispatch_warnings_total",
    "haproxy_backend_retry_warnings_total", "haproxy_frontend_current_sessions",
    "haproxy_frontend_http_requests_total", "haproxy_frontend_http_responses_total",
    "node_cpu_seconds_total", "node_disk_written_bytes_total", "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes", "node_load1", "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes", "node_network_receive_bytes_total",
    "node_network_transmit_bytes_total", "node_systemd_unit_state", "node_time_seconds",
    "pg_database_size_bytes", "pg_locks_count", "pg_replication_lag_seconds",
    "pg_stat_activity_count", "pg_stat_activity_max_tx_duration", "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read", "pg_stat_database_deadlocks", "pg_stat_database_temp_bytes",
    "pg_stat_database_tup_deleted", "pg_stat_database_tup_fetched",
    "pg_stat_database_tup_inserted", "pg_stat_database_tup_updated",
    "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback", "pg_up",
}  # fmt: skip
WORDS = {
    "on", "by", "group_left", "bool", "or", "sum", "min", "max", "count", "avg", "rate",
    "increase", "time", "timestamp", "abs", "vector", "clamp_min", "label_replace",
    "histogram_quantile",
    "without",
}  # fmt: skip


@cache
def ours() -> set[str]:
    """Return what docs/reference/metrics.md lists, and what rules record."""
    text = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(dash_\w+)", text))
    listed |= {f"{name}_bucket" for name in listed if name.endswith("_seconds")}
    rules = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in slo.RULES.parent.glob("*.yml")]
    return listed | {
        r["record"] for f in rules for g in f["groups"] for r in g["rules"] if "record" in r
    }


def metrics(expr: str) -> set[str]:
    """Return the names of metrics in an expression."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\[[^\]]*\]", "", expr)
    bare = re.sub(r"\b(?:on|by|without|group_left)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"[a-zA-Z_][\w:]*", bare)) - WORDS


def promql(expr: str) -> str:
    """Return an expression as Prometheus gets it."""
    return expr.replace("$color", ".*").replace("$host", ".*")


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_a_panel_asks_for_metrics_that_exist(page: Page, panel: Panel) -> None:
    asked = set().union(*(metrics(query.expr) for query in panel.queries))

    assert asked, page.uid
    assert not asked - ours() - FOREIGN


def test_a_metric_that_nobody_has_is_seen() -> None:
    assert metrics('sum by (color) (rate(dash_nothing_total{a="up"}[1m])) or vector(0)') == {
        "dash_nothing_total"
    }
    assert "dash_nothing_total" not in ours() | FOREIGN


def test_nothing_stands_in_the_list_of_foreign_metrics_that_no_panel_asks_for() -> None:
    asked = set().union(
        *(metrics(q.expr) for page in PAGES for p in page.panels for q in p.queries)
    )

    assert FOREIGN - asked == set()


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_a_panel_has_words_a_unit_names_for_its_lines_and_runbooks_that_exist(
    page: Page, panel: Panel
) -> None:
    assert panel.words.endswith("."), page.uid
    assert panel.unit
    assert all(query.legend for query in panel.queries)
    for name in panel.alerts:
        assert (ROOT / "docs/runbooks" / f"{name}.md").is_file()


@pytest.mark.parametrize(("page", "panel"), EVERY)
def test_a_rate_is_shown_a_second_and_a_share_as_percent(page: Page, panel: Panel) -> None:
    """Or a reader takes 3 requests a second for 3 requests."""
    for query in panel.queries:
        if re.match(r"sum[^/]*rate\(", query.expr) and "/" not in query.expr:
            assert panel.unit in ("reqps", "ops", "cps", "Bps", "rowsps"), page.uid
        if re.match(r"1 - ", query.expr):
            assert panel.unit == "percentunit"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.uid)
def test_a_page_chooses_only_by_what_it_was_given(page: Page) -> None:
    used = {
        m for p in page.panels for query in p.queries for m in re.findall(r"\$(\w+)", query.expr)
    }

    assert used == set(page.variables)
    assert set(page.variables) <= {"color", "host"}


def test_pages_keep_their_names_and_panels_their_numbers() -> None:
    found = {uid: json.loads(text) for uid, text in texts().items()}

    assert set(found) == UIDS
    for page in PAGES:
        made = found[page.uid]
        assert made["uid"] == page.uid
        assert [p["id"] for p in made["panels"]] == list(range(1, len(page.panels) + 1))
        assert len({p["title"] for p in made["panels"]}) == len(page.panels)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.uid)
def test_panels_stand_beside_and_below_each_other_and_never_on_top(page: Page) -> None:
    taken: set[tuple[int, int]] = set()
    for one in board.page(page)["panels"]:
        place = one["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, one["title"]
        assert place["x"] + place["w"] <= board.COLUMNS
        taken |= cells


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.uid)
def test_the_text_of_a_page_is_the_same_every_time(page: Page) -> None:
    """Or every run of configure would be a change."""
    first, again = (json.dumps(board.page(page), sort_keys=True) for _ in range(2))

    assert first == again


def overrides(legend: str, kind: str = "lines") -> list[str]:
    """Return the colours that a line's name gets, the last of which holds."""
    panel = Panel(title="t", words="w.", unit="none", queries=(q("up", legend),), kind=kind)
    made = board.page(Page(uid="x", title="x", words="x", panels=(panel,)))["panels"][0]
    return [
        o["properties"][0]["value"]["fixedColor"]
        for o in made["fieldConfig"]["overrides"]
        if re.fullmatch(o["matcher"]["options"].strip("/"), legend)
    ]


@pytest.mark.parametrize(
    ("legend", "paint"),
    [
        ("blue 1.2.3", board.COLORS["blue"]),
        ("app-green-1", board.COLORS["green"]),
        ("app_blue", board.COLORS["blue"]),
        ("app_blue 5xx", board.TROUBLE),
    ],
)
def test_colours_have_their_colour_on_every_page(legend: str, paint: str) -> None:
    assert overrides(legend)[-1] == paint


def test_a_number_is_painted_as_trouble_beyond_its_bounds_alone() -> None:
    assert overrides("failed", "number") == []
    given = [(p.least, p.alarm) for page in PAGES for p in page.panels if p.kind == "number"]
    made = [x for page in PAGES for x in board.page(page)["panels"] if x["type"] == "stat"]
    for (least, alarm), panel in zip(given, made, strict=True):
        first, *rest = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert first["color"] == (board.CALM if least is None else board.TROUBLE)
        assert [s["value"] for s in rest] == [x for x in (least, alarm) if x is not None]


def test_releases_and_experiments_draw_marks_by_their_tags() -> None:
    chaos = next(page for page in PAGES if page.uid == "dash-chaos")
    marks = board.page(chaos)["annotations"]["list"]

    assert [m["target"]["tags"] for m in marks] == [["chaos"], ["release"]]
    assert {m["datasource"]["uid"] for m in marks} == {"-- Grafana --"}


def test_requests_are_drawn_beside_the_time_to_answer_alone() -> None:
    drawn = {
        (page.uid, panel["title"])
        for page in PAGES
        for panel in board.page(page)["panels"]
        if any(target.get("exemplar") for target in panel["targets"])
    }

    assert drawn == {("dash-service", "Time to answer, 95 and 50 of 100")}


def test_rows_are_as_high_as_their_highest() -> None:
    a, b, c = (
        lines(t, "none", "w.", q("up", "x"), width=w) for t, w in (("a", 12), ("b", 12), ("c", 24))
    )
    places = [
        p["gridPos"]
        for p in board.page(Page(uid="x", title="x", words="x", panels=(a, b, c)))["panels"]
    ]

    assert [(p["x"], p["y"]) for p in places] == [(0, 0), (12, 0), (0, 8)]
    assert all(left["y"] <= right["y"] for left, right in pairwise(places))


def test_every_page_is_printed_as_one_document_and_nothing_else_is_understood() -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "monitoring", *words]
        return subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )

    printed: dict[str, Any] = json.loads(run("dashboards").stdout)
    assert printed == texts()
    assert (run("dashbords").returncode, run("dashbords").stderr) == (
        2,
        "usage: python -m monitoring [dashboards | scaled FACTOR]\n",
    )


def test_every_page_that_alerts_speak_of_is_reached_from_a_panel() -> None:
    linked = {name for page in PAGES for panel in page.panels for name in panel.alerts}
    known = {alert.name for alert in reference.alerts()}

    assert linked <= known
    assert len(linked) > len(known) / 2
