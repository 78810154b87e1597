"""Two monitors: when one is gone the other sees, keeps and tells, and nothing else notices."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.session import Session
from tests.e2e.driver import Lab, troubles, wait_for
from tests.e2e.eyes import Eyes

pytestmark = [pytest.mark.lab, pytest.mark.slow]
PATIENCE = 120  # seconds; on a machine that has nothing else to do it is told within 30
LONG = 420  # what looks back on the last five minutes is over after them
MONITORS = ("monitor-1", "monitor-2")


@pytest.fixture(name="both", scope="module")
def _both(lab: Lab, session: Session) -> Iterator[Eyes]:
    lab.ok("up", "--monitor-hosts", "2")
    yield Eyes.of(lab, session)
    lab.ok("up", "--monitor-hosts", "1")


@pytest.mark.parametrize("gone", MONITORS)
def test_a_monitor_that_is_gone_is_told_by_the_other(
    lab: Lab,
    both: Eyes,
    artifacts: dict[str, dict[str, Any]],
    gone: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Killed before a deploy under load, back after it: it has the lines of the meantime then."""
    (other,) = set(MONITORS) - {gone}
    living = {host: name for host, name in both.containers.items() if host != gone}
    left, mark = dataclasses.replace(both, containers=living), uuid.uuid4().hex
    assert wait_for(both.quiet, LONG), (both.held(), both.pending())
    name = "second" if lab.active()[1] == artifacts["third"]["version"] else "third"

    subprocess.run(["podman", "kill", "-s", "KILL", both.containers[gone]], check=True, timeout=60)
    begin = time.monotonic()
    try:
        assert wait_for(lambda: left.told("HostDown"), PATIENCE), left.pending()
        record_property("told_after_seconds", round(time.monotonic() - begin, 1))
        left.say(mark)
        assert wait_for(lambda: left.heard(mark, other) == set(living), PATIENCE)
        with lab.load() as client:
            lab.ok("deploy", "--artifact", artifacts[name]["path"], "--watch", "3", "--force")
    finally:
        subprocess.run(["podman", "start", both.containers[gone]], check=True, timeout=60)
    back = time.monotonic()

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert wait_for(lambda: both.heard(mark, gone) == set(living), PATIENCE), both.heard(mark, gone)
    record_property("lines_there_after_seconds", round(time.monotonic() - back, 1))
    assert wait_for(both.quiet, LONG), (both.held(), both.pending())
    record_property("quiet_after_seconds", round(time.monotonic() - back, 1))
