"""Where Loki's lines lie: the real program, the role's configuration, a simulated S3.

It asks the policy that a monitor has on AWS: what that lacks, Loki cannot do.
"""

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

from infra.aws.access import work
from infra.aws.place import Place
from infra.aws.policies import document
from tests.infra import aws_engine
from tests.infra.simulated.simulation import Simulation
from tests.infra.simulated.simulation import running as running_aws
from tests.roles.rendering import ROOT, render

CHOSEN = aws_engine.wanted("staging")
assert CHOSEN.cloud
PLACE = Place(stack=CHOSEN.stack, cloud=CHOSEN.cloud)
BUCKET, REGION = PLACE.bucket("loki"), PLACE.cloud.region
SECONDS = 60.0


@pytest.fixture(name="program", scope="module")
def _program() -> str:
    command = [sys.executable, "-m", "ops.tools", "loki"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return f"{done.stdout.strip()}/loki"


@pytest.fixture(name="aws")
def _aws(tmp_path: Path) -> Iterator[Simulation]:
    with running_aws(tmp_path, REGION, ()) as aws:
        yield aws


@pytest.fixture(name="s3")
def _s3(aws: Simulation, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Be a monitor from here on, with its bucket and its rights."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    place = {"LocationConstraint": REGION}
    session.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    iam, policy = session.client("iam"), json.dumps(document(work(PLACE, "monitor")))
    iam.create_user(UserName="monitor")
    iam.put_user_policy(UserName="monitor", PolicyName="work", PolicyDocument=policy)
    key = iam.create_access_key(UserName="monitor")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    aws.ask_policies(ask=True)
    return boto3.Session().client("s3")


@pytest.fixture(name="given")
def _given(aws: Simulation) -> dict[str, str]:
    """What the role is told of the bucket."""
    return {
        "loki_storage": "s3",
        "loki_bucket": BUCKET,
        "loki_region": REGION,
        "loki_endpoint": aws.url,
    }


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
    program: str, given: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    with running(program, tmp_path / "first", **given) as base:
        push(base, "hello")
        assert eventually(base, ["hello"])
    kept = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert any(key.startswith("fake/") for key in kept), kept
    assert any(key.startswith("index/") for key in kept), kept
    assert not (tmp_path / "first/chunks").exists()

    with running(program, tmp_path / "second", **given) as base:
        assert eventually(base, ["hello"])


@pytest.mark.slow  # 60 s: two of what the test of one bucket has
@pytest.mark.timeout(240)
def test_two_share_a_bucket_and_nothing_in_it(
    program: str, given: dict[str, str], s3: Any, tmp_path: Path
) -> None:
    """Neither finds, compacts or forgets what is the other's, though both are nobody's tenant."""
    other = {**given, "loki_prefix": "monitor-2/"}
    with (
        running(program, tmp_path / "first", **given) as one,
        running(program, tmp_path / "second", **other) as two,
    ):
        push(one, "of the first")
        push(two, "of the second")
        assert eventually(one, ["of the first"])
        assert eventually(two, ["of the second"])
    kept = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    tops = {key.removeprefix("monitor-2/").split("/")[0] for key in kept}
    own = {key.split("/")[1] for key in kept if key.startswith("monitor-2/")}
    assert {"fake", "index"} <= own <= tops
    assert {"fake", "index", "monitor-2"} <= {key.split("/")[0] for key in kept}

    with running(program, tmp_path / "third", **other) as base:
        assert eventually(base, ["of the second"])


@pytest.mark.slow  # 34 s: the lab keeps its lines so
def test_lines_on_the_disk_stay_there(program: str, tmp_path: Path) -> None:
    with running(program, tmp_path / "first", loki_storage="filesystem") as base:
        push(base, "hello")
        assert eventually(base, ["hello"])
    assert list((tmp_path / "first/chunks").iterdir())

    with running(program, tmp_path / "second", loki_storage="filesystem") as base:
        assert lines(base) == []
