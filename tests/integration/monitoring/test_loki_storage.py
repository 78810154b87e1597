"""Where Loki's lines lie: the real program, the role's configuration, a simulated S3."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.roles.rendering import ROOT, render

BUCKET = "dash-loki"
REGION = "eu-north-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
SECONDS = 60.0


@pytest.fixture(name="program", scope="module")
def _program() -> str:
    command = [sys.executable, "-m", "ops.tools", "loki"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return f"{done.stdout.strip()}/loki"


@pytest.fixture(name="endpoint")
def _endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(name="s3")
def _s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name=REGION, endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def free_port() -> int:
    """Return a port on which nobody listens, nor ten above it, where Loki's other one is."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
        other.bind(("127.0.0.1", port + 10))
    return port


def ask(url: str, body: bytes | None = None) -> str:
    """Return what Loki answers."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 -- loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- the same
        return str(answer.read().decode())


@contextmanager
def running(program: str, state: Path, **given: Any) -> Iterator[str]:
    """Run Loki on a state directory, with a configuration of the role's that it has accepted."""
    port = free_port()
    state.mkdir()
    (state / "runtime.yml").write_text("{}\n", encoding="utf-8")
    file = state / "loki.yml"
    text = render("loki", "loki.yml.j2", __loki_state=str(state), loki_port=port, **given)
    file.write_text(text, encoding="utf-8")
    words = [program, f"-config.file={file}"]
    subprocess.run([*words, "-verify-config"], check=True, capture_output=True, timeout=SECONDS)
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + SECONDS
        while True:
            assert process.poll() is None, (state / "log").read_text("utf-8")
            try:
                ask(f"{base}/ready")
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end, (state / "log").read_text("utf-8")
                time.sleep(0.5)
        yield base
    finally:
        process.terminate()
        process.wait(30)


def push(base: str, line: str) -> None:
    """Send one line."""
    stream = {"stream": {"host": "one"}, "values": [[str(time.time_ns()), line]]}
    ask(f"{base}/loki/api/v1/push", json.dumps({"streams": [stream]}).encode())


def lines(base: str) -> list[str]:
    """Return the lines of the last hour."""
    query = urllib.parse.urlencode({"query": '{host="one"}'})
    found = json.loads(ask(f"{base}/loki/api/v1/query_range?{query}"))
    return [line for stream in found["data"]["result"] for _, line in stream["values"]]


def eventually(base: str, wanted: list[str]) -> bool:
    """Tell whether Loki comes to find these lines."""
    end = time.monotonic() + SECONDS
    while lines(base) != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def test_lines_in_a_bucket_outlive_the_host(
    program: str, endpoint: str, s3: Any, tmp_path: Path
) -> None:
    given = {
        "loki_storage": "s3",
        "loki_bucket": BUCKET,
        "loki_region": REGION,
        "loki_endpoint": endpoint,
    }
    with running(program, tmp_path / "first", **given) as base:
        push(base, "hello")
        assert eventually(base, ["hello"])
    kept = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert any(key.startswith("fake/") for key in kept), kept
    assert any(key.startswith("index/") for key in kept), kept
    assert not (tmp_path / "first/chunks").exists()

    with running(program, tmp_path / "second", **given) as base:
        assert eventually(base, ["hello"])


def test_lines_on_the_disk_stay_there(program: str, tmp_path: Path) -> None:
    with running(program, tmp_path / "first", loki_storage="filesystem") as base:
        push(base, "hello")
        assert eventually(base, ["hello"])
    assert list((tmp_path / "first/chunks").iterdir())

    with running(program, tmp_path / "second", loki_storage="filesystem") as base:
        assert lines(base) == []
