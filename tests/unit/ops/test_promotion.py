"""`python -m ops.promotion`: what the other stack runs, as an artifact on this machine."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from ops import archive, promotion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.ops.conftest import Checkout

BUCKET, REGION = "dash-staging-artifacts", "eu-north-1"


@pytest.fixture(name="staging")
def _staging(checkout: Checkout) -> Checkout:
    checkout.stack = "staging"
    return checkout


@pytest.fixture(name="s3")
def _s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        where = {"LocationConstraint": REGION}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        yield client


def pack(folder: Path, version: str = "1.1.0") -> tuple[Path, str]:
    """Make a whole artifact of one file; return it and its digest."""
    member = folder / "member"
    folder.mkdir(parents=True, exist_ok=True)
    member.write_text(version * 100)
    files = {"app/__init__.py": hashlib.sha256(member.read_bytes()).hexdigest()}
    said = {"format": 1, "version": version, "git_sha": "abc", "schema": {}, "files": files}
    raw = archive.canonical(said)
    path = folder / archive.file_name(version, archive.digest_of(raw))
    archive.pack(raw, {"app/__init__.py": member}, path)
    member.unlink()
    return path, archive.digest_of(raw)


def runs(staging: Checkout, digest: str, bucket: str = "", version: str = "1.1.0") -> None:
    """Make staging's hosts say that they run a release."""
    release = {"version": version, "digest": digest, "config_hash": "c" * 64}
    entry = {**release, "id": "x", "kind": "deploy", "outcome": "done", "color": "blue"}
    edge = {"role": "edge", "active": "blue", "map": "blue", "clock": time.time()}
    facts = {"edge-1": edge, "app-blue-1": {"role": "app", "color": "blue", "current": release}}
    artifacts = {"bucket": bucket, "region": REGION if bucket else ""}
    staging.writes("status.json", {"facts": facts, "ledger": [entry], "artifacts": artifacts})


def brought(staging: Checkout, s3: Any, folder: Path) -> tuple[Path, str]:
    """Have staging run what lies in its bucket, brought by a colleague; its path and digest."""
    path, digest = pack(folder / "colleague")
    s3.upload_file(str(path), BUCKET, path.name)
    runs(staging, digest, BUCKET)
    return path, digest


def asked(staging: Checkout, stack: str = "staging") -> tuple[dict[str, Any], str]:
    """Return the document that was printed, {} when it was refused, and the line of that."""
    code = promotion.main([stack], {"DASH_STACK": "production"})
    said = staging.capture.readouterr()
    if code == 0:
        return json.loads(said.out), said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    return {}, said.err.strip()


def kept(staging: Checkout) -> list[str]:
    return sorted(path.name for path in (staging.root / ".dash/artifacts").iterdir())


@pytest.mark.parametrize("stale", [True, False])
def test_the_other_stack_is_asked_and_what_this_machine_did_there_is_not(
    staging: Checkout, *, stale: bool
) -> None:
    """A colleague went back to 1.1.0 after 1.2.0 was released from here, or this machine is new."""
    path, digest = pack(staging.root / ".dash/artifacts")
    _, other = pack(staging.root / ".dash/artifacts", "1.2.0")
    runs(staging, digest)
    if stale:
        entry = {"version": "1.2.0", "digest": other}
        operation = {"outcome": "done", "entry": entry}
        (staging.state / "operation.json").write_text(json.dumps(operation))

    found, _ = asked(staging)

    assert (found["path"], found["digest"], found["version"]) == (str(path), digest, "1.1.0")
    assert staging.words[:3] == ["playbooks/status.yml", "-i", "inventories/staging"]


def test_a_stack_that_does_not_tell_is_one_line(staging: Checkout) -> None:
    assert asked(staging)[1] == "staging has no hosts: type ./dash --stack staging up"
    staging.ansible("echo 'stack staging has no hosts: type ./dash --stack staging up'; exit 1")
    assert asked(staging)[1].startswith("status: stack staging has no hosts: type ./dash --stack")
    assert (
        asked(staging, "stage")[1] == "dash_from: there is no stack 'stage': did you mean staging?"
    )


def test_without_a_bucket_it_is_copied_by_hand(staging: Checkout) -> None:
    runs(staging, "a" * 64)

    there = staging.root / ".dash/artifacts" / archive.file_name("1.1.0", "a" * 64)
    assert asked(staging)[1] == f"{there} is not here: copy it from the machine that built it"


def test_what_lies_here_damaged_is_not_released(staging: Checkout) -> None:
    path, digest = pack(staging.root / ".dash/artifacts")
    runs(staging, digest)
    path.write_bytes(path.read_bytes()[:-9])

    line = asked(staging)[1]
    assert line.startswith(f"{path} is damaged or cut short: ")
    assert line.endswith(f"Next: rm {path}, then the same again")


def test_another_digest_of_the_same_name_is_not_released(staging: Checkout) -> None:
    path, digest = pack(staging.root / ".dash/artifacts")
    runs(staging, digest[:12] + "0" * 52)

    assert asked(staging)[1].startswith(f"{path} is not what was released under its name. Next: rm")


def test_it_comes_from_the_other_stacks_bucket_and_is_kept(
    staging: Checkout, s3: Any, tmp_path: Path
) -> None:
    path, digest = brought(staging, s3, tmp_path)

    found, _ = asked(staging)

    here = staging.root / ".dash/artifacts" / path.name
    assert (found["path"], found["digest"]) == (str(here), digest)
    assert here.read_bytes() == path.read_bytes()
    assert here.stat().st_mode & 0o777 == 0o644
    assert kept(staging) == [path.name]
    s3.delete_object(Bucket=BUCKET, Key=path.name)
    assert asked(staging)[0] == found


def test_what_the_bucket_has_damaged_or_not_at_all_is_one_line_and_not_kept(
    staging: Checkout, s3: Any, tmp_path: Path
) -> None:
    path, digest = pack(tmp_path / "colleague")
    runs(staging, digest, BUCKET)
    copy = f"copy it from the machine that built it to {staging.root / '.dash/artifacts'}"

    assert asked(staging)[1] == f"{path.name} is neither here nor in {BUCKET}: {copy}"
    s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes()[:-9])
    line = asked(staging)[1]
    assert line.startswith(f"s3://{BUCKET}/{path.name} is damaged or cut short: ")
    assert line.endswith(f"Next: {copy}")
    other, _ = pack(tmp_path / "other", "1.2.0")
    s3.put_object(Bucket=BUCKET, Key=path.name, Body=other.read_bytes())
    assert "holds version 1.2.0" in asked(staging)[1]
    assert kept(staging) == []


def test_a_bucket_that_may_not_be_read_is_one_line(
    staging: Checkout, s3: Any, tmp_path: Path
) -> None:
    path, _ = brought(staging, s3, tmp_path)

    without_rights = set_initial_no_auth_action_count(0)(asked)
    line = without_rights(staging)[1]
    assert line.startswith(f"{BUCKET} does not give {path.name}: InvalidAccessKeyId. Next: aws sts")
    assert kept(staging) == []
