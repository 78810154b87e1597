"""Bad days of the hosts and of what is released, each for real."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.driver import Lab, begun, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.slow]
Artifact = dict[str, dict[str, Any]]
UNCHANGED = 1  # ./dash: failed, and no client noticed


def _idle(lab: Lab) -> str:
    """Return the app host of the colour that does not serve."""
    return f"app-{'green' if lab.edge_color() == 'blue' else 'blue'}-1"


@contextlib.contextmanager
def _paused(container: str) -> Iterator[None]:
    """Let a host answer nothing while the block runs, as one that hangs or is cut off."""
    subprocess.run(["podman", "pause", container], check=True, timeout=30)
    try:
        yield
    finally:
        subprocess.run(["podman", "unpause", container], check=True, timeout=30)


def test_a_host_lost_during_a_deploy_harms_no_client(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """The idle host hangs once its release is to start: exit 1 names it, the next deploy works."""
    idle = _idle(lab)
    container = lab.container(idle)
    since = time.time()
    with lab.load() as client:
        process = lab.start(
            "deploy", "--artifact", artifacts["second"]["path"], "--watch", "3", "--force"
        )
        assert wait_for(lambda: begun(lab, since, "4 migrate"), 60, every=0.05)
        with _paused(container):
            output, _ = process.communicate(timeout=400)
        after = lab.ok(
            "deploy", "--artifact", artifacts["third"]["path"], "--watch", "3", "--force"
        )

    assert process.returncode == UNCHANGED, output
    assert idle in output.strip().splitlines()[-1]
    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert lab.active()[1] == artifacts["third"]["version"] != base, after.output


def test_a_full_disk_refuses_a_deploy(lab: Lab, artifacts: Artifact, base: str) -> None:
    """Nothing is sent to a host that has no room; the line names host and space."""
    idle = _idle(lab)
    init = subprocess.run(
        ["podman", "inspect", "--format", "{{.State.Pid}}", lab.container(idle)],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.strip()
    inside = ["nsenter", "--target", init, "--mount"]
    small = [*inside, "mount", "-t", "tmpfs", "-o", "size=64m", "small", "/var/lib/dash"]
    subprocess.run(small, check=True, timeout=30)
    try:
        done = lab.dash("deploy", "--artifact", artifacts["second"]["path"], "--force")
    finally:
        subprocess.run([*inside, "umount", "/var/lib/dash"], check=True, timeout=30)

    assert done.code == UNCHANGED, done.output
    assert idle in done.last
    assert "64 MiB" in done.last
    assert lab.active()[1] == base


def test_a_port_that_is_taken_on_the_host_is_named(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """Something else listens where the release should: exit 1, no client notices."""
    idle = _idle(lab)
    lab.on(idle, "systemctl", "stop", "dash-app")
    address = next(h["address"] for h in lab.outputs()["hosts"] if h["name"] == idle)
    squatter = "systemd-run --unit squatter --collect python3 -m http.server 8000 --bind"
    lab.on(idle, *squatter.split(), str(address))
    try:
        with lab.load() as client:
            done = lab.dash("deploy", "--artifact", artifacts["third"]["path"], "--force")
    finally:
        lab.on(idle, "systemctl", "stop", "squatter")

    assert done.code == UNCHANGED, done.output
    assert "8000" in done.last
    assert "is taken" in done.last
    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert lab.active()[1] == base


def test_a_corrupt_artifact_is_refused(
    lab: Lab, artifacts: Artifact, base: str, tmp_path: Path
) -> None:
    """One bit turned: the digest tells, nothing was changed."""
    whole = Path(artifacts["second"]["path"])
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    bad = tmp_path / whole.name
    bad.write_bytes(content)
    done = lab.dash("deploy", "--artifact", str(bad), "--force")

    assert done.code == UNCHANGED, done.output
    assert whole.name in done.last
    assert lab.active()[1] == base


def test_an_edited_migration_that_was_applied_is_refused(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """The checksum in the database differs: the line names the migration."""
    lab.ok("deploy", "--artifact", artifacts["expand"]["path"], "--watch", "3", "--force")
    try:
        done = lab.dash("deploy", "--artifact", artifacts["edited"]["path"], "--force")
        assert done.code == UNCHANGED, done.output
        assert "9001_e2e_notes" in done.last
        assert lab.active()[1] == artifacts["expand"]["version"] != base
    finally:
        lab.ok("rollback")


def test_a_rollback_to_a_quarantined_version_is_refused(
    lab: Lab, artifacts: Artifact, base: str
) -> None:
    """What was rolled back from is quarantined; only --force returns to it."""
    bad = artifacts["second"]
    lab.ok("deploy", "--artifact", bad["path"], "--watch", "3", "--force")
    lab.ok("rollback", "--reason", "bug")
    done = lab.dash("rollback", "--to-version", bad["version"])

    assert done.code == UNCHANGED, done.output
    assert "quarantined" in done.last
    assert lab.active()[1] == base


def test_a_reload_of_the_edge_cuts_no_long_request(lab: Lab, base: str) -> None:
    """A request that takes 5 s and more keeps its connection while HAProxy is reloaded twice."""
    del base
    url = urlsplit(lab.outputs()["urls"]["https"])
    assert url.hostname is not None
    assert url.port is not None
    key = (lab.directory / "secrets/prober_key").read_text(encoding="utf-8").strip()
    body = json.dumps({"text": "x" * 16}).encode()
    context = ssl.create_default_context(cafile=lab.directory / "ca.pem")
    with (
        socket.create_connection((url.hostname, url.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as secure,
    ):
        secure.sendall(
            f"POST /v1/echo HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        for at, byte in enumerate(body):
            secure.sendall(bytes([byte]))
            if at in (4, 12):
                lab.on("edge-1", "systemctl", "reload", "haproxy")
            time.sleep(5 / len(body))  # the edge gives a body 10 s
        answer = b""
        while part := secure.recv(4096):
            answer += part

    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
