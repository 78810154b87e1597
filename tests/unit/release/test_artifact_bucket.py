"""An artifact that goes through a bucket: a simulated S3, the real client and module code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ansible_collections.dash.platform.plugins.module_utils import fetching
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import bucket
from tests.unit.release.conftest import Preview
from tests.unit.release.ending import ended
from tests.unit.release.stand import A, stand
from tests.unit.release.theatre import Theatre

pytestmark = pytest.mark.timeout(180)

NAME = "dash-artifacts"
REGION = "eu-north-1"


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(name="s3")
def _s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    for found in client.list_objects_v2(Bucket=NAME).get("Contents", []):
        client.delete_object(Bucket=NAME, Key=found["Key"])
    client.delete_bucket(Bucket=NAME)


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Path:
    path = tmp_path / "controller" / "dash-1.0.0-abc.tar.zst"
    path.parent.mkdir()
    path.write_bytes(b"artifact" * 1_500_000)  # more than one part of an upload
    return path


@pytest.fixture(name="quick", autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE", 0.01)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("s3")
def test_hosts_get_what_the_controller_has(tmp_path: Path, archive: Path) -> None:
    offered = bucket.offer(archive, NAME, REGION)
    there = tmp_path / "host.tar.zst"

    assert offered.sha256 == sha256(archive)
    assert fetching.fetch(offered.url, there, offered.sha256) is True
    assert there.read_bytes() == archive.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o644
    assert sorted(p.name for p in tmp_path.iterdir()) == ["controller", "host.tar.zst"]


def test_it_is_brought_and_fetched_once(s3: Any, tmp_path: Path, archive: Path) -> None:
    first = bucket.offer(archive, NAME, REGION)
    before = s3.head_object(Bucket=NAME, Key=archive.name)["LastModified"]
    there = tmp_path / "host.tar.zst"
    fetching.fetch(first.url, there, first.sha256)

    again = bucket.offer(archive, NAME, REGION)

    assert (first.brought, again.brought) == (True, False)
    assert s3.head_object(Bucket=NAME, Key=archive.name)["LastModified"] == before
    assert fetching.fetch("http://127.0.0.1:9/", there, again.sha256) is False


def test_another_archive_of_that_name_is_replaced(s3: Any, tmp_path: Path, archive: Path) -> None:
    s3.put_object(Bucket=NAME, Key=archive.name, Body=b"x" * archive.stat().st_size)

    offered = bucket.offer(archive, NAME, REGION)
    fetching.fetch(offered.url, tmp_path / "host", offered.sha256)

    assert offered.brought
    assert sha256(tmp_path / "host") == offered.sha256


def test_what_was_changed_on_its_way_is_not_kept(s3: Any, tmp_path: Path, archive: Path) -> None:
    offered = bucket.offer(archive, NAME, REGION)
    s3.put_object(Bucket=NAME, Key=archive.name, Body=b"other")
    there = tmp_path / "host" / archive.name
    there.parent.mkdir()
    there.write_bytes(b"an old one")

    with pytest.raises(Fault, match="is not what the operator's machine has"):
        fetching.fetch(offered.url, there, offered.sha256)

    assert there.read_bytes() == b"an old one"
    assert list(there.parent.iterdir()) == [there]


def test_what_cannot_be_fetched_is_said_without_the_address(
    s3: Any, endpoint: str, tmp_path: Path, archive: Path
) -> None:
    offered = bucket.offer(archive, NAME, REGION)
    s3.delete_object(Bucket=NAME, Key=archive.name)

    for url, said in (
        (offered.url, "the bucket answers 404"),
        ("http://127.0.0.1:9/x?X-Amz-Signature=1", "Connection refused"),
    ):
        with pytest.raises(Fault) as caught:
            fetching.fetch(url, tmp_path / "host", offered.sha256)
        assert str(caught.value) == f"host cannot be fetched: {said}"
        assert not (tmp_path / "host").exists()
    assert "Signature" in offered.url
    assert endpoint in offered.url


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_one_line(archive: Path) -> None:
    with pytest.raises(Fault, match=r"^another does not take dash-1.0.0-abc.tar.zst: \w+"):
        bucket.offer(archive, "another", REGION)


def test_on_aws_the_address_is_of_the_buckets_own_region(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(bucket, "_there", lambda *_words: True)

    url = urlsplit(bucket.offer(archive, NAME, REGION).url)

    assert (url.scheme, url.netloc) == ("https", f"{NAME}.s3.{REGION}.amazonaws.com")
    assert "X-Amz-Expires=900" in url.query
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url.query


@pytest.mark.slow
def test_a_deploy_brings_the_artifact_once_and_hosts_fetch_it(
    s3: Any, theatre: Theatre, preview: Preview
) -> None:
    preview.version = A.name
    theatre.set(stand("none").small(), A)
    theatre.scenario["colors"] = ["none", "blue"]

    played = theatre.play(
        "deploy", release_delivery="bucket", release_bucket=NAME, release_region=REGION
    )

    ended(played, "done", 0)
    [kept] = s3.list_objects_v2(Bucket=NAME)["Contents"]
    assert kept["Key"] == f"dash-{A.name}-{A.digest[:12]}.tar.zst"
    fetched = played.of("artifact_fetch")
    assert sorted(c["host"] for c in fetched) == ["app-blue-1", "app-green-1"]
    assert {c["args"]["dest"] for c in fetched} == {f"/opt/dash/artifacts/{kept['Key']}"}
    assert {c["args"]["sha256"] for c in fetched} == {hashlib.sha256(b"artifact").hexdigest()}
    assert all(c["args"]["url"] not in played.output for c in fetched)
    assert not list(theatre.directory.glob("hosts/*/opt/dash/artifacts/*"))


@pytest.mark.slow
def test_a_deploy_pushes_unless_told_otherwise(theatre: Theatre, preview: Preview) -> None:
    preview.version = A.name
    theatre.set(stand("none").small(), A)
    theatre.scenario["colors"] = ["none", "blue"]

    played = theatre.play("deploy")

    ended(played, "done", 0)
    assert not played.of("artifact_fetch")
    assert len(list(theatre.directory.glob("hosts/*/opt/dash/artifacts/*"))) == 2
