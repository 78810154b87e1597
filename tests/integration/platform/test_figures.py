"""What an edge tells of releases, as Prometheus reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.dash.platform.plugins.module_utils import figures, ledger, paths, switch
from app import settings
from tests.integration.platform.edges import ID, move
from tests.integration.platform.fake_haproxy import FakeHaproxy


def read(text: str) -> dict[str, float]:
    """Return samples by name and the values of their labels."""
    return {
        " ".join([s.name, *s.labels.values()]): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def entry(
    identity: str, outcome: str, sent: int, failed: int, at: str, **more: Any
) -> ledger.Entry:
    prober = {"sent": sent, "failed": failed}
    made = {"id": identity, "kind": "deploy", "outcome": outcome, "prober": prober, "at": at}
    return {**made, "color": "blue", "version": "1", "config_hash": "c" * 64, **more}


def test_the_active_colour_and_the_open_operation_are_told(
    edge: switch.Edge, tmp_path: Path
) -> None:
    move(edge)

    assert figures.main(["--once", "--out", str(tmp_path)]) == 0
    found = read((tmp_path / figures.FILE).read_text())

    assert (found["dash_edge_active blue"], found["dash_edge_active green"]) == (0, 1)
    assert found["dash_operation_open deploy switched"] == 1
    assert found["dash_edge_map_differs"] == 0
    assert found["dash_lease_held"] == 0
    told = {name.split()[0] for name in found}
    assert set(figures.WORDS) - told == {"dash_release_info"}  # nothing was released


def test_a_haproxy_that_runs_another_colour_is_told(edge: switch.Edge, proxy: FakeHaproxy) -> None:
    assert edge.operation.current()["id"] == ID  # type: ignore[index] # the fixture began it
    paths.MAP.write_text("active green\n", encoding="ascii")

    assert proxy.map == {"active": "blue"}
    assert read(figures.text(figures.look()))["dash_edge_map_differs"] == 1


def test_an_operation_counts_as_it_ended_last() -> None:
    entries = [
        entry("a", "paused", 10, 1, "2026-11-28T10:00:00+00:00"),
        entry("a", "done", 100, 2, "2026-11-28T10:01:00+00:00"),
        entry("b", "reverted", 50, 3, "2026-11-28T11:00:00+00:00"),
    ]

    found = read(figures.text(figures.of_ledger(entries)))

    assert found["dash_release_operations_total deploy done"] == 1
    assert found["dash_release_operations_total deploy paused"] == 0
    assert found["dash_release_operations_total deploy reverted"] == 1
    assert found["dash_release_requests_total"] == 150
    assert found["dash_release_failed_requests_total"] == 5
    assert found["dash_release_last_timestamp_seconds"] == 1795860060


def test_what_serves_is_the_release_of_the_operation_that_was_done_last() -> None:
    """Not of one that was undone, and in the order of fencing numbers: edges are told late."""
    entries = [
        entry("b", "done", 1, 0, "2026-11-28T11:00:00+00:00", fence=2, version="2", color="green"),
        entry("a", "done", 1, 0, "2026-11-28T10:00:00+00:00", fence=1),
        entry("c", "reverted", 1, 0, "2026-11-28T12:00:00+00:00", fence=3, version="3"),
        entry("d", "done", 0, 0, "2026-11-28T12:00:00+00:00", fence=4, kind="migrate"),
    ]

    samples = [s for s in figures.of_ledger(entries) if s[0] == "dash_release_info"]

    assert samples == [
        ("dash_release_info", {"color": "green", "version": "2", "config": "c" * 12}, 1.0)
    ]
    assert figures.CONFIG_LETTERS == settings.CONFIG_LETTERS


@pytest.mark.usefixtures("edge")
def test_a_file_that_cannot_be_read_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (paths.EDGE_STATE / "operation.json").write_text("{")

    assert figures.main(["--once", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / figures.FILE).exists()
