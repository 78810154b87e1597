"""Staging and production rehearsed on this machine, as their own settings say, on podman.

Two edges, and in production two application hosts a colour. Only the monitors are left out: they
take no part in a release, and two of them are two too many for one machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.driver import Lab, kill_all, kill_at, troubles, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]
Record = Callable[[str, object], None]
EDGES = ("edge-1", "edge-2")
MAP = "/etc/haproxy/maps/active.map"
# As a controller does it that is gone right after: what it does not reach is the other edge.
CONFIRM = """
from ansible_collections.dash.platform.plugins.module_utils import switch
edge = switch.Edge()
print(edge.confirm(edge.operation.current()["id"]))
"""


@contextlib.contextmanager
def _taken_down(stack: str, *words: str) -> Iterator[Lab]:
    made = Lab(os.environ.get("DASH_TEST_LAB", "e2e"), stack)
    try:
        made.ok("up", "--provider", "podman", "--core", "--yes", *words)
        yield made
    finally:
        made.ok("down", "--yes")


@pytest.fixture(name="staging", scope="module")
def _staging() -> Iterator[Lab]:
    with _taken_down("staging") as stack:
        yield stack


@pytest.fixture(name="production", scope="module")
def _production(staging: Lab) -> Iterator[Lab]:
    with _taken_down("production", "--from", staging.stack) as stack:
        yield stack


def _digest(stack: Lab) -> str:
    return str(stack.status()["active"]["digest"])


def _names(stack: Lab, role: str) -> list[str]:
    return sorted(h["name"] for h in stack.outputs()["hosts"] if h["role"] == role)


def _colors(stack: Lab) -> list[str]:
    """Return the colour that each edge serves, as its map file says it."""
    return [stack.on(edge, "cat", MAP).split()[-1] for edge in EDGES]


def _spread(stack: Lab) -> float:
    """Return the seconds between the last switches of the two edges; they share a clock."""
    times = [float(stack.on(edge, "stat", "-c", "%.Y", MAP)) for edge in EDGES]
    return abs(times[0] - times[1])


def _state(stack: Lab, edge: str) -> str:
    """Return the state of an edge's open operation, "" when there is none."""
    text = stack.on(edge, "cat", "/var/lib/dash/edge/operation.json", check=False)
    return str(json.loads(text)["state"]) if text else ""


def _planned(stack: Lab) -> str:
    """Return the digest that a deploy of what staging runs would bring to a stack."""
    stack.ok("deploy", "--from", "staging", "--plan")
    text = (stack.directory / "operation.json").read_text(encoding="utf-8")
    return str(json.loads(text)["plan"]["digest"])


def test_the_stacks_are_as_their_settings_say(staging: Lab, production: Lab) -> None:
    assert [_names(staging, role) for role in ("edge", "app", "db")] == [
        ["edge-1", "edge-2"],
        ["app-blue-1", "app-green-1"],
        ["db-1"],
    ]
    assert [_names(production, role) for role in ("edge", "app", "db")] == [
        ["edge-1", "edge-2"],
        ["app-blue-1", "app-blue-2", "app-green-1", "app-green-2"],
        ["db-1", "db-2", "db-3"],
    ]
    assert _digest(production) == _digest(staging)


def test_a_release_goes_through_staging_to_production_and_back(
    staging: Lab, production: Lab, artifacts: Artifact, record_property: Record
) -> None:
    """Deployed, proved, promoted as the same digest, rolled back: under load, nothing failed."""
    before = _digest(production)
    typed_here = staging.directory / "operation.json"
    stale = typed_here.read_bytes()
    with staging.load() as client:
        staging.ok("deploy", "--artifact", artifacts["second"]["path"], "--watch", "5")
    record_property("staging", json.dumps(client.figures))
    assert troubles(client.figures) == {}, json.dumps(client.figures)
    record_property("staging_seconds_apart", apart := round(_spread(staging), 3))
    assert apart < 1

    typed_here.unlink()  # as on the machine of a colleague who never released to staging
    assert _planned(production) == artifacts["second"]["digest"]
    assert artifacts["second"]["digest"].encode() not in stale
    typed_here.write_bytes(stale)  # as on a machine after which a colleague released to staging

    with production.load() as client:
        production.ok("deploy", "--from", "staging", "--watch", "5", "--yes")
        assert _digest(production) == _digest(staging) == artifacts["second"]["digest"]
        record_property("production_seconds_apart", apart := round(_spread(production), 3))
        assert apart < 1
        production.ok("rollback", "--yes")
    record_property("production", json.dumps(client.figures))
    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert _digest(production) == before
    assert len(set(_colors(production))) == 1


def test_an_edge_made_anew_takes_over_before_it_serves(staging: Lab) -> None:
    """It lost its disk; it comes back with colour and ledger, and a release works at once."""
    ledger = staging.on("edge-1", "cat", "/var/lib/dash/edge/ledger.jsonl")
    subprocess.run(
        ["podman", "rm", "-f", "-t", "0", staging.container("edge-2")], check=True, timeout=60
    )
    with staging.load() as client:
        staging.ok("provision")
        staging.ok("configure")
        assert len(set(_colors(staging))) == 1
        assert staging.on("edge-2", "cat", "/var/lib/dash/edge/ledger.jsonl") == ledger
        assert "200" in staging.on(
            "edge-2", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "https://127.0.0.1/healthz"
        )  # fmt: skip
        staging.ok("rollback")
    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert len(set(_colors(staging))) == 1


def test_a_pair_of_which_one_was_confirmed_is_undone_by_itself(
    staging: Lab, artifacts: Artifact
) -> None:
    """The controller is gone; edge-2 goes back when its time is up, and takes edge-1 along."""
    before = _colors(staging)
    with staging.load() as client:
        since = time.time()
        process = staging.start(
            "deploy", "--artifact", artifacts["third"]["path"], "--watch", "30", "--force"
        )
        try:
            assert kill_at(staging, process, since, "8 watch", signal.SIGKILL)
        finally:
            if process.poll() is None:
                kill_all(process, staging)
            process.communicate(timeout=60)
        assert _colors(staging) == ["green" if c == "blue" else "blue" for c in before]
        library = "PYTHONPATH=/usr/local/lib/dash"
        assert staging.on("edge-1", "env", library, "python3", "-c", CONFIRM).strip() == "True"
        assert (_state(staging, "edge-1"), _state(staging, "edge-2")) == ("confirmed", "switched")
        # 30 s of watching, 60 s of margin, 5 s until the other has looked
        assert wait_for(lambda: _colors(staging) == before, 110)
        assert _state(staging, "edge-1") == _state(staging, "edge-2") == "reverted"
    assert troubles(client.figures) == {}, json.dumps(client.figures)
    staging.ok("switch", before[0])
    assert {_state(staging, edge) for edge in EDGES} == {""}
