"""Old against new, both of them the real service: one of them behind a relay that is late."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dash.platform.plugins.module_utils import comparison
from loadtests.target import ROOT
from ops import comparing
from tests.integration.load.conftest import Loaded
from tests.integration.service import free_port, until

LATE_MS = 30  # each way


def listens(port: int) -> bool:
    """Tell whether somebody takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def late(to: int) -> Iterator[int]:
    """Relay to a port, late; yield the port."""
    port = free_port()
    words = ["chaos/network/relay.py", str(port), "127.0.0.1", str(to), str(LATE_MS)]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT) as relay:
        try:
            until(lambda: listens(port), 10)
            yield port
        finally:
            relay.terminate()


@pytest.mark.slow  # 43 s; unit tests hold the judge
def test_a_slow_release_is_caught_and_the_quicker_one_is_not(
    loaded: Loaded, tmp_path: Path
) -> None:
    """The same blocks judged both ways round: a judge that calls everything slow is none."""
    with late(loaded.service.port) as port:
        target = json.loads(loaded.target.read_text())
        both = tmp_path / "both.json"
        both.write_text(json.dumps({**target, "preview": f"https://127.0.0.1:{port}"}))
        _code, said = loaded.run(
            "compare", "--judged", "idle", "--target", str(both), out=tmp_path, seconds=28
        )
    assert (tmp_path / "result.json").exists(), said

    found = comparing.judge(tmp_path)

    slow = {p["kind"]: p["new_ms"] - p["old_ms"] for p in found["parts"] if p["verdict"] == "fail"}
    assert found["verdict"] == "fail", found
    assert slow["api"] > 2 * LATE_MS - 10
    assert found["errors"]["failures"] == 0
    blocks = json.loads((tmp_path / "result.json").read_text())["blocks"]
    back = comparison.compare([{"old": each["new"], "new": each["old"]} for each in blocks])
    assert [part for part in back["parts"] if part["verdict"] == "fail"] == []
    api = next(p for p in back["parts"] if (p["kind"], p["percentile"]) == ("api", "p50_ms"))
    assert api["verdict"] == "pass"
