"""Grafana of a running lab: every panel shows something, and releases leave their marks."""

from __future__ import annotations

import base64
import subprocess
import time
from typing import Any

import pytest

from monitoring.dashboards.pages import PAGES, texts
from ops import monitor
from ops.session import Session
from tests.e2e import panels, picture
from tests.e2e.driver import Lab, wait_for

pytestmark = pytest.mark.lab
PICTURES = "test/dashboards"  # below .dash
MEMORY = 900  # MB that the monitor's host may have


@pytest.fixture(name="boards", scope="module")
def _boards(session: Session) -> dict[str, dict[str, Any]]:
    return panels.dashboards(session)


@pytest.fixture(name="drawn", scope="module")
def _drawn(
    session: Session, boards: dict[str, dict[str, Any]]
) -> dict[tuple[str, int], list[picture.Line]]:
    """What every panel's queries return, by dashboard and panel."""
    return {
        (uid, panel["id"]): panels.frames(session, panel)
        for uid, board in boards.items()
        for panel in board["panels"]
    }


def code(lab: Lab, path: str, user: str = "") -> str:
    """Return the status with which Grafana answers."""
    who = ["-u", user] if user else []
    return subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *who, "--cacert",
         str(lab.directory / "ca.pem"), f"{lab.outputs()['urls']['grafana']}{path}"],
        check=True, capture_output=True, text=True, timeout=20,
    ).stdout  # fmt: skip


def told(session: Session, since: float) -> list[dict[str, Any]]:
    """Return what releases told Grafana since then."""
    span = f"from={int(since * 1000)}&to={int(time.time() * 1000)}"  # without an end all are told
    return list(panels.ask(session, f"/api/annotations?tags=release&{span}&limit=100"))


def test_strangers_see_nothing(lab: Lab) -> None:
    wrong = "dash:" + base64.b64encode(b"wrong").decode()

    assert [code(lab, p) for p in ("/api/search", "/metrics", "/api/datasources")] == ["401"] * 3
    assert code(lab, "/api/user", wrong) == "401"


@pytest.mark.usefixtures("base")
def test_grafana_shows_the_dashboards_that_are_declared(boards: dict[str, dict[str, Any]]) -> None:
    assert set(boards) == set(texts())
    for page in PAGES:
        titles = [panel["title"] for panel in boards[page.uid]["panels"]]
        assert titles == [panel.title for panel in page.panels]


def test_every_panel_shows_something(
    boards: dict[str, dict[str, Any]], drawn: dict[tuple[str, int], list[picture.Line]]
) -> None:
    titles = {(u, p["id"]): p["title"] for u, board in boards.items() for p in board["panels"]}
    empty = [
        f"{key[0]}: {titles[key]}"
        for key, found in drawn.items()
        if not any(value is not None for _, _, values in found for value in values)
    ]

    assert drawn
    assert not empty


def test_a_line_has_the_name_that_its_labels_give_it(
    drawn: dict[tuple[str, int], list[picture.Line]],
) -> None:
    unnamed = {
        (key, name)
        for key, found in drawn.items()
        for name, _, _ in found
        if "{{" in name or name == "Value"
    }

    assert not unnamed


def test_people_can_look_at_them(
    lab: Lab,
    session: Session,
    boards: dict[str, dict[str, Any]],
    drawn: dict[tuple[str, int], list[picture.Line]],
) -> None:
    marks = [float(a["time"]) for a in told(session, time.time() - 3600)]
    for uid, board in boards.items():
        lines = {p["id"]: drawn[uid, p["id"]] for p in board["panels"]}
        to = lab.root / ".dash" / PICTURES / f"{uid}.png"
        picture.photograph(*picture.page(board, lines, marks), to)

        assert to.read_bytes().startswith(b"\x89PNG"), uid
        assert to.stat().st_size > 20_000, uid


def test_data_sources_answer(session: Session) -> None:
    sources = {x["uid"]: x for x in panels.ask(session, "/api/datasources")}

    assert {"prometheus", "alertmanager"} <= set(sources)
    assert panels.ask(session, "/api/datasources/uid/prometheus/health")["status"] == "OK"
    silences = panels.ask(session, "/api/datasources/proxy/uid/alertmanager/api/v2/status")
    assert silences["cluster"]["status"]


@pytest.mark.usefixtures("base")
def test_a_release_marks_its_switch_and_its_end(lab: Lab, session: Session) -> None:
    begun = time.time()
    lab.ok("switch")

    assert wait_for(lambda: len(told(session, begun)) == 2, 20), told(session, begun)
    tags_of = [set(x["tags"]) for x in told(session, begun)]
    assert any({"release", "switch", lab.active()[0]} <= tags for tags in tags_of)
    assert any({"release", "done"} <= tags for tags in tags_of)


def answers(session: Session) -> bool:
    """Tell whether Grafana has its dashboards."""
    try:
        return len(panels.ask(session, "/api/search?type=dash-db&tag=dash")) == len(PAGES)
    except monitor.Silent:
        return False


def test_a_database_that_is_lost_comes_back_with_everything_that_was_declared(
    lab: Lab, session: Session
) -> None:
    lab.on(
        "monitor-1", "sh", "-c", "systemctl stop grafana-server; rm /var/lib/grafana/grafana.db*"
    )
    assert not answers(session)
    lab.on("monitor-1", "systemctl", "start", "grafana-server")

    assert wait_for(lambda: answers(session), 60)
    assert panels.ask(session, "/api/datasources/uid/prometheus/health")["status"] == "OK"


def test_the_monitor_is_small_enough_for_a_laptop(lab: Lab) -> None:
    resident = [int(line) for line in lab.on("monitor-1", "ps", "-eo", "rss=").split()]

    assert 100 < sum(resident) / 1024 < MEMORY
