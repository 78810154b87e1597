"""A host leaves the inventory: nothing watches it or lets it in any more, and its lines stay."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from ops.session import Session
from tests.e2e.driver import Lab, inside, wait_for
from tests.e2e.eyes import Eyes

pytestmark = [pytest.mark.lab, pytest.mark.slow]
GONE = "simulator-1"  # a stack without it is whole
PATIENCE = 120  # seconds


@pytest.fixture(name="without")
def _without(lab: Lab) -> Iterator[Callable[[], None]]:
    """Return what takes the host out of the stack; afterwards it is there again."""
    file = lab.directory / "overrides.json"
    before = file.read_text("utf-8") if file.exists() else "{}"

    def leave() -> None:
        file.write_text(json.dumps({**json.loads(before), "simulator_hosts": 0}), "utf-8")
        lab.ok("provision")

    yield leave
    file.write_text(before, "utf-8")
    lab.ok("up")


def test_a_host_that_leaves_is_forgotten_but_for_its_lines(
    lab: Lab,
    session: Session,
    without: Callable[[], None],
    record_property: Callable[[str, object], None],
) -> None:
    """Between leaving and `./dash configure` it is an outage, and told as one."""
    eyes, mark = Eyes.of(lab, session), uuid.uuid4().hex
    monitor = eyes.containers["monitor-1"]
    address = next(str(h["address"]) for h in lab.outputs()["hosts"] if h["name"] == GONE)
    eyes.say(mark)
    assert wait_for(lambda: GONE in eyes.heard(mark), PATIENCE)
    assert address in inside(monitor, "nft", "list", "ruleset")

    without()
    assert wait_for(lambda: eyes.told("HostDown"), PATIENCE), eyes.pending()
    lab.ok("configure")
    begin = time.monotonic()

    assert wait_for(eyes.quiet, PATIENCE), (eyes.held(), eyes.pending())
    record_property("quiet_after_seconds", round(time.monotonic() - begin, 1))
    assert GONE not in {target["labels"].get("host") for target in eyes.targets()}
    assert address not in inside(monitor, "nft", "list", "ruleset")
    assert address not in inside(monitor, "cat", "/etc/prometheus/prometheus.yml")
    assert eyes.heard(mark) == set(eyes.containers)
