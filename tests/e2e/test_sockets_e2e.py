"""A release that loses what is open is found out, by the prober and by the independent client."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.e2e.driver import Lab, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]


@pytest.mark.parametrize(
    ("variant", "wrong"),
    [
        ("closes_sockets", "lost_sockets"),
        ("drops_messages", "lost_messages"),
        ("cuts_streams", "broken_streams"),
    ],
)
def test_a_release_that_loses_what_is_open_goes_back(
    lab: Lab, artifacts: Artifact, base: str, variant: str, wrong: str
) -> None:
    """It answers every request; what it does to agents and streams takes it back all the same."""
    with lab.load() as client:
        done = lab.dash(
            "deploy", "--artifact", artifacts[variant]["path"], "--watch", "60", "--force"
        )

    assert done.code == 3, done.output
    assert re.search(r"is worse: (socket prober-|message of prober-|stream )", done.last)
    assert lab.active()[1] == base
    assert client.figures[wrong] > 0, json.dumps(client.figures)
    assert client.figures["failed"] == 0, json.dumps(client.figures)


@pytest.mark.usefixtures("base")
def test_a_colour_that_was_left_has_no_socket(lab: Lab, artifacts: Artifact) -> None:
    """All agents of others go with the traffic, and the old colour stays warm."""
    with lab.load():
        wait_for(lambda: _sockets(lab, lab.edge_color()) >= 40, 20)
        left = lab.edge_color()
        lab.ok("deploy", "--artifact", artifacts["second"]["path"], "--watch", "5", "--force")

        assert lab.edge_color() != left
        assert _sockets(lab, left) == 0
        assert _sockets(lab, lab.edge_color()) >= 40
    assert lab.on(f"app-{left}-1", "systemctl", "is-active", "dash-app").strip() == "active"


@pytest.mark.usefixtures("base")
def test_a_reload_of_the_edge_loses_no_socket(lab: Lab) -> None:
    """What is open stays with the process that was there; new ones come to the new one."""
    with lab.load() as client:
        wait_for(lambda: _sockets(lab, lab.edge_color()) >= 40, 20)
        for _ in range(3):
            lab.on("edge-1", "systemctl", "reload", "haproxy")
            wait_for(lambda: False, 3)

    assert client.figures["lost_sockets"] == client.figures["lost_messages"] == 0, client.figures
    assert client.figures["broken_streams"] == client.figures["failed"] == 0, client.figures


def _sockets(lab: Lab, color: str) -> int:
    """Return how many sockets an edge has open to a colour."""
    shown = lab.on(
        "edge-1",
        *("sh", "-c", "echo 'show stat' | socat - UNIX-CONNECT:/run/haproxy/admin.sock"),
    )
    rows = [line.split(",") for line in shown.splitlines()]
    return sum(int(r[4]) for r in rows if r[:2] == [f"sockets_{color}", "BACKEND"])
