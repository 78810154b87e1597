"""The controller killed at each of the ten steps: the next command recovers, unseen."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from tests.e2e.driver import Lab, kill_all, kill_at, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]
STEPS = [
    "1 preflight",
    "2 lease",
    "3 prober",
    "4 migrate",
    "5 stage",
    "6 prove",
    "7 switch",
    "8 watch",
    "9 hand over",
    "10 record",
]
SAMPLE = {("5 stage", signal.SIGKILL), ("8 watch", signal.SIGKILL), ("8 watch", signal.SIGINT)}


@pytest.mark.parametrize(
    ("step", "number"),
    [
        pytest.param(
            step,
            number,
            id=f"{step}-{number.name}",
        )
        for step in STEPS
        for number in (signal.SIGINT, signal.SIGKILL)
    ],
)
def test_a_killed_deploy_is_recovered_by_the_next_command(
    lab: Lab, artifacts: Artifact, step: str, number: signal.Signals
) -> None:
    """0 failed requests from the kill to the end of the next deploy, which succeeds."""
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "3", "--force")
    with lab.load() as client:
        since = time.time()
        process = lab.start(
            "deploy", "--artifact", artifacts["second"]["path"], "--watch", "5", "--force"
        )
        try:
            assert kill_at(lab, process, since, step, number)
        finally:
            if process.poll() is None and number == signal.SIGKILL:
                kill_all(process, lab)
            output, _ = process.communicate(timeout=240)
        after = lab.ok(
            "deploy", "--artifact", artifacts["third"]["path"], "--watch", "3", "--force"
        )

    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert wait_for(lambda: lab.active()[1] == artifacts["third"]["version"], 10), (
        output + after.output
    )
