"""Staging and production beside the lab on one machine: the same digest, two hosts a colour."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.driver import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]
# Three monitors would be two too many for one machine.
HOSTS = ("--provider", "podman", "--app-hosts", "2", "--core")


@contextlib.contextmanager
def _taken_down(stack: str) -> Iterator[Lab]:
    made = Lab(os.environ.get("DASH_TEST_LAB", "e2e"), stack)
    try:
        yield made
    finally:
        made.ok("down", "--yes")


@pytest.fixture(name="staging", scope="module")
def _staging() -> Iterator[Lab]:
    """Staging with two application hosts a colour."""
    with _taken_down("staging") as stack:
        stack.ok("up", *HOSTS)
        yield stack


@pytest.fixture(name="production", scope="module")
def _production(staging: Lab) -> Iterator[Lab]:
    """Production that runs what staging runs."""
    with _taken_down("production") as stack:
        stack.ok("up", *HOSTS, "--from", staging.stack, "--yes")
        yield stack


def _digest(stack: Lab) -> str:
    return str(stack.status()["active"]["digest"])


def test_production_gets_the_digest_that_staging_runs(
    staging: Lab, production: Lab, artifacts: Artifact
) -> None:
    """Never built anew: what was tried on staging, byte for byte; no client notices."""
    assert _digest(production) == _digest(staging)
    with staging.load() as client:
        staging.ok("deploy", "--artifact", artifacts["second"]["path"], "--watch", "5")
    assert client.figures["failed"] == 0, json.dumps(client.figures)
    with production.load() as client:
        production.ok("deploy", "--from", "staging", "--watch", "5", "--yes")

    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert _digest(production) == _digest(staging) == artifacts["second"]["digest"]


def test_production_changes_only_with_a_yes(production: Lab) -> None:
    """With nobody to ask and no --yes nothing is changed."""
    before = _digest(production)
    done = production.dash("rollback")

    assert done.code == 2
    assert "--yes" in done.last
    assert _digest(production) == before


def test_both_hosts_of_a_colour_serve(staging: Lab) -> None:
    """Two hosts a colour run the release, and the edge sends requests to both."""
    active = staging.active()[0]
    hosts = [h for h in staging.status()["hosts"] if h.get("color") == active]
    assert [h["ready"] for h in hosts] == [True, True]
    with staging.load() as client:
        pass
    lines = staging.on("edge-1", "journalctl", "-u", "haproxy", "-n", "60", "-o", "cat")

    assert client.figures["failed"] == 0
    assert all(f'"{h["name"]}"' in lines for h in hosts)


def test_a_stranger_is_not_told_the_version(staging: Lab) -> None:
    """Outside the lab only the deploy token makes the edge tell version and colour."""

    def headers(*words: str) -> str:
        url = staging.outputs()["urls"]["https"]
        ca = str(staging.directory / "ca.pem")
        return subprocess.run(
            ["curl", "-sS", "-D-", "-o", "/dev/null", "--cacert", ca, *words, f"{url}/healthz"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.lower()

    token = (staging.directory / "secrets/deploy_token").read_text(encoding="utf-8").strip()
    assert "x-dash-version" not in headers()
    assert "x-dash-version" in headers("-H", f"X-Dash-Deploy-Token: {token}")


def test_a_host_made_anew_is_no_bar_to_a_rollback(staging: Lab, artifacts: Artifact) -> None:
    """The idle host lost its disk: `up` makes it, the rollback carries the artifact to it."""
    staging.ok("deploy", "--artifact", artifacts["third"]["path"], "--watch", "3", "--force")
    idle = "green" if staging.edge_color() == "blue" else "blue"
    container = staging.container(f"app-{idle}-2")
    subprocess.run(["podman", "rm", "-f", "-t", "0", container], check=True, timeout=60)
    staging.ok("provision")
    staging.ok("configure")
    with staging.load() as client:
        done = staging.ok("rollback")

    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert staging.active()[1] in done.last
    assert staging.status()["active"]["digest"] != artifacts["third"]["digest"]
