"""All personas against the real service: what they count is what happened."""

from __future__ import annotations

import json

import pytest

from loadtests import kinds
from tests.certificates import certificate
from tests.integration.load.conftest import Loaded


def test_every_persona_does_its_work_and_nothing_is_lost(loaded: Loaded) -> None:
    """Figures of a loaded machine are no matter here; that every kind was done without fault is."""
    code, found, said = loaded.locust("--shape", "smoke", seconds=12)

    assert sorted(found["kinds"]) == sorted(kinds.KINDS), said
    assert {kind: seen["failed"] for kind, seen in found["kinds"].items()} == dict.fromkeys(
        sorted(kinds.KINDS), 0
    )
    sockets = found["sockets"]
    assert sockets["agents"] == 20
    assert sockets["sent"] == sockets["arrived"] > 20
    assert (sockets["lost"], sockets["missing"], sockets["doubled"]) == (0, 0, 0)
    assert code == {"passed": 0, "missed": 1, "inconclusive": 4}[found["verdict"]["outcome"]]


@pytest.mark.slow  # 17 s of load
def test_two_processes_count_together(loaded: Loaded) -> None:
    code, found, said = loaded.locust("--shape", "smoke", "--processes", "2", seconds=12)

    assert found["processes"] == 2, said
    assert found["sockets"]["agents"] == 20
    assert found["sockets"]["sent"] == found["sockets"]["arrived"] > 20
    assert code == {"passed": 0, "missed": 1, "inconclusive": 4}[found["verdict"]["outcome"]]


@pytest.mark.slow  # 27 s of load
def test_a_certificate_of_somebody_else_lets_nothing_through(loaded: Loaded) -> None:
    """The load trusts the stack's certificates alone: it sends no key to a stranger."""
    other = certificate(loaded.folder / "other.pem")
    target = json.loads(loaded.target.read_text())
    wrong = loaded.folder / "wrong.json"
    wrong.write_text(json.dumps({**target, "ca": str(other)}))

    code, found, said = loaded.locust("--shape", "smoke", "--target", str(wrong), seconds=6)

    assert found["kinds"], said
    assert {kind: seen["n"] - seen["failed"] for kind, seen in found["kinds"].items()} == (
        dict.fromkeys(found["kinds"], 0)
    ), said
    assert code != 0
