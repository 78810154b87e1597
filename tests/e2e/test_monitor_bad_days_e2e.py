"""Bad days of the monitoring: releases and clients need none of it, and it comes back by itself."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaos.client import Client, read_inventory
from chaos.disk.small import Small, carry_back
from monitoring.dashboards.pages import PAGES
from ops import monitor
from ops.session import Session
from tests.e2e.driver import Lab, begun, inside, troubles, wait_for
from tests.e2e.eyes import PROGRAMS, Eyes

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Record = Callable[[str, object], None]
LONG = 480  # and for what alerts tell of five minutes to be over
FLOOD = 200_000  # lines at once, of which journald takes a quarter at most
PATIENCE = 120  # seconds for a program to be back; on a machine with nothing else to do it is 20


@pytest.fixture(name="eyes", scope="module")
def _eyes(lab: Lab, session: Session) -> Eyes:
    return Eyes.of(lab, session)


@pytest.fixture(name="next_")
def _next(artifacts: dict[str, dict[str, Any]], base: str) -> dict[str, Any]:
    """Have the plain release active, and return another one."""
    assert artifacts["second"]["version"] != base
    return artifacts["second"]


def test_a_release_needs_no_monitor_and_the_monitor_comes_back_by_itself(
    lab: Lab, eyes: Eyes, next_: dict[str, Any], record_property: Record
) -> None:
    """All of it is stopped: a deploy goes as ever. Started again, it has missed no line."""
    mark = uuid.uuid4().hex
    eyes.systemctl("stop", *PROGRAMS)
    try:
        assert not eyes.targets()
        eyes.say(mark)
        with lab.load() as client:
            done = lab.ok("deploy", "--artifact", next_["path"], "--watch", "3", "--force")
    finally:
        eyes.systemctl("start", *PROGRAMS)
    back = time.monotonic()

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert client.figures["sent"] > 300
    assert re.search(r": 0 failed of [\d,]+ requests, 0 of 40 sockets lost, ", done.last)
    color, version = lab.active()
    assert version == next_["version"]
    for what, there in {
        "targets_up": lambda: eyes.all_up(color),
        "lines_there": lambda: eyes.heard(mark) == set(eyes.containers),
        "dashboards_there": lambda: eyes.dashboards() == len(PAGES),
        "quiet": eyes.quiet,
    }.items():
        assert wait_for(there, PATIENCE), (what, eyes.held(), eyes.pending(), eyes.heard(mark))
        record_property(f"{what}_after_seconds", round(time.monotonic() - back, 1))


@pytest.mark.parametrize("how", ["stop", "kill --signal=KILL"])
@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_program_that_goes_in_the_middle_of_a_deploy_harms_nobody(
    lab: Lab, eyes: Eyes, next_: dict[str, Any], unit: str, how: str
) -> None:
    """Killed, systemd starts it again; stopped, it is down until the release is over."""
    since = time.time()
    with lab.load() as client:
        process = lab.start("deploy", "--artifact", next_["path"], "--watch", "3", "--force")
        assert wait_for(lambda: begun(lab, since, "5 stage"), 60, every=0.05)
        eyes.systemctl(how, unit)
        output, _ = process.communicate(timeout=300)
        if how == "stop":
            eyes.systemctl("start", unit)

    assert process.returncode == 0, output
    assert troubles(client.figures) == {}, json.dumps(client.figures)
    color, version = lab.active()
    assert version == next_["version"]
    assert wait_for(lambda: eyes.all_up(color), PATIENCE), eyes.targets()
    assert wait_for(eyes.quiet, PATIENCE), (eyes.held(), eyes.pending())


@pytest.fixture(name="full")
def _full(
    lab: Lab, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Small]]:
    """A program of the monitor, and the small disk on which it keeps what it has."""
    unit, directory, megabytes = request.param
    monkeypatch.setenv("DASH_LAB", lab.name)
    disk = Small(Client(read_inventory(lab.stack)), "monitor-1", directory, f"{unit}.service")
    try:
        disk.bring(megabytes)
        yield unit, disk
    finally:
        disk.client.sh(disk.host, carry_back(directory, disk.unit))
        disk.detach()


@pytest.mark.parametrize(
    "full",
    [("prometheus", "/var/lib/prometheus/metrics2", 500), ("loki", "/var/lib/loki", 200)],
    indirect=True,
    ids=["prometheus", "loki"],
)
def test_a_full_disk_of_the_monitor_is_told_and_harms_nobody(
    full: tuple[str, Small],
    lab: Lab,
    eyes: Eyes,
    next_: dict[str, Any],
    record_property: Record,
) -> None:
    """First nearly, then wholly; a deploy under load goes as ever. With room all is well again."""
    unit, small = full
    mark = uuid.uuid4().hex
    begin = time.monotonic()
    small.fill(3)
    assert wait_for(lambda: eyes.told("DiskFull"), PATIENCE), eyes.pending()
    record_property("told_after_seconds", round(time.monotonic() - begin, 1))
    small.fill(0)
    if unit == "prometheus":  # it runs on and says that it is blind, or ends and falls silent
        assert wait_for(lambda: eyes.told("MonitorBlind") or not eyes.held(), PATIENCE), eyes.held()
    eyes.say(mark)
    with lab.load() as client:
        lab.ok("deploy", "--artifact", next_["path"], "--watch", "3", "--force")
    small.empty()
    room = time.monotonic()

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    color, version = lab.active()
    assert version == next_["version"]
    for what, there in {
        "targets_up": lambda: eyes.all_up(color),
        "lines_there": lambda: eyes.heard(mark) == set(eyes.containers),
        "quiet": eyes.quiet,  # five minutes where it ran on: RulesFail tells of the last five
    }.items():
        assert wait_for(there, LONG), (what, eyes.held(), eyes.pending(), eyes.heard(mark))
        record_property(f"{what}_after_seconds", round(time.monotonic() - room, 1))


def test_ten_times_the_lines_are_bounded_told_and_in_nobodys_way(
    lab: Lab, eyes: Eyes, base: str, record_property: Record
) -> None:
    """One unit of the edge floods the journal: what is not taken is counted, other lines arrive."""
    assert lab.active()[1] == base
    edge, mark = eyes.containers["edge-1"], uuid.uuid4().hex
    watched = ["dash-journal", "dash-otelcol", "systemd-journald"]
    shown = ["systemctl", "show", "--value", "--property=NRestarts,MainPID", *watched]
    before = inside(edge, *shown)
    # journald tells of what it left out when the unit speaks again, half a minute later.
    flood = f"seq -f 'flood %.0f' {FLOOD}; sleep 32; echo over"
    with lab.load() as client:
        unit = f"--unit=flood-{mark[:8]}"
        inside(edge, "systemd-run", "--quiet", "--collect", unit, "sh", "-c", flood)
        begin = time.monotonic()
        eyes.say(mark)
        assert wait_for(lambda: eyes.heard(mark) == set(eyes.containers), PATIENCE)
        record_property("others_arrive_after_seconds", round(time.monotonic() - begin, 1))
        assert wait_for(lambda: eyes.told("LogsFlood"), PATIENCE), eyes.pending()

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    [sample] = monitor.query(eyes.session, 'dash_journal_suppressed_total{host="edge-1"}')
    record_property("suppressed", sample["value"][1])
    assert float(sample["value"][1]) > FLOOD / 2
    assert inside(edge, *shown) == before, "no limit of memory was met"
    assert "LogsDropped" not in eyes.held()
    assert wait_for(eyes.quiet, LONG), (eyes.held(), eyes.pending())
