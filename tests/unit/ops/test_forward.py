"""Ports that have no door to the world are brought here by ssh, as long as somebody wants them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import forward

# Listens where -L says, as ssh would, and tells who it is.
SSH = """#!{python}
import os, socket, sys
words = sys.argv[1:]
ours = int(words[words.index("-L") + 1].split(":")[1])
with socket.create_server(("127.0.0.1", ours)) as server:
    open("{folder}/pids", "a").write(str(os.getpid()) + "\\n")
    while True:
        server.accept()[0].close()
"""


def hosts() -> dict[str, dict[str, str]]:
    return {
        name: {"dash_role": role, "dash_address": f"10.0.0.{n}", "ansible_host": f"i-{n}",
               "ansible_user": "ansible", "dash_instance_id": f"i-{n}"}
        for n, (name, role) in enumerate(
            [("edge-2", "edge"), ("edge-1", "edge"), ("db-1", "db"), ("monitor-1", "monitor")]
        )
    }  # fmt: skip


def test_every_service_comes_from_the_first_host_of_its_kind() -> None:
    local = {"preview": 8464, "grafana": 3020, "prometheus": 9110}
    edge, monitor = forward.ways(hosts(), local)

    assert (edge["address"], edge["ports"]) == ("10.0.0.1", {8464: 8444})
    assert (monitor["address"], monitor["ports"]) == ("10.0.0.3", {3020: 3000, 9110: 9090})
    assert edge["command"][-1] == "ansible@i-1"


def test_a_number_asks_for_another_host_of_the_kind() -> None:
    known = hosts() | {"monitor-2": hosts()["db-1"] | {"dash_role": "monitor"}}
    found = forward.ways(known, {"grafana": 1, "grafana-2": 2, "prometheus-2": 3, "grafana-3": 4})

    assert [(w["address"], w["ports"]) for w in found] == [
        ("10.0.0.3", {1: 3000}), ("10.0.0.2", {2: 3000, 3: 9090})
    ]  # fmt: skip


def test_a_stack_without_a_monitor_brings_the_preview_alone() -> None:
    found = {name: known for name, known in hosts().items() if name != "monitor-1"}

    assert [w["address"] for w in forward.ways(found, {"preview": 1, "grafana": 2})] == ["10.0.0.1"]


def test_ssh_listens_on_this_machine_alone_and_says_when_it_cannot() -> None:
    way = forward.Way(command=["ssh", "-i", "key", "a@i-1"], address="10.0.0.1", ports={7: 8444})

    assert way.words == [
        "ssh", "-i", "key", "-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlMaster=no",
        "-o", "ControlPath=none", "-L", "127.0.0.1:7:10.0.0.1:8444", "a@i-1",
    ]  # fmt: skip


@pytest.fixture(name="port")
def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(name="start")
def _start(tmp_path: Path, port: int) -> Callable[[int], subprocess.Popen[bytes]]:
    """Starts the helper with a stand-in for ssh, as the child of a process."""
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH.format(python=sys.executable, folder=tmp_path))
    ssh.chmod(0o755)
    way = {"command": [str(ssh), "a@i-1"], "address": "10.0.0.1", "ports": {port: 8444}}

    def start(parent: int) -> subprocess.Popen[bytes]:
        words = ["--parent", str(parent), "--ways", json.dumps([way])]
        return subprocess.Popen([sys.executable, "-m", "ops.forward", *words])

    return start


def pids(folder: Path, wanted: int) -> list[int]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        file = folder / "pids"
        found = [int(line) for line in file.read_text().split()] if file.exists() else []
        if len(found) >= wanted:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {wanted} of ssh in time")


def test_an_ssh_that_breaks_off_is_begun_again(
    tmp_path: Path, port: int, start: Callable[[int], subprocess.Popen[bytes]]
) -> None:
    helper = start(os.getpid())
    try:
        os.kill(pids(tmp_path, 1)[0], 9)
        second = pids(tmp_path, 2)[1]
        assert forward.wait([port], 5)
    finally:
        helper.terminate()
        assert helper.wait(10) == 0
    assert not Path(f"/proc/{second}").exists()


def test_it_ends_with_the_process_that_wanted_it(
    tmp_path: Path, port: int, start: Callable[[int], subprocess.Popen[bytes]]
) -> None:
    parent = subprocess.Popen(["sleep", "600"])
    helper = start(parent.pid)
    (ssh,) = pids(tmp_path, 1)
    parent.kill()
    parent.wait()

    assert helper.wait(10) == 0
    assert not Path(f"/proc/{ssh}").exists()
    assert not forward.wait([port], 0.3)


def test_a_parent_that_is_gone_already_is_no_fault(
    start: Callable[[int], subprocess.Popen[bytes]],
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert start(gone.pid).wait(10) == 0
