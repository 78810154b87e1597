"""The real Pulumi CLI on the bucket and the key that the bootstrap made, in a simulated AWS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import pulumi, state
from ops.bucket import Bootstrap
from tests.infra.simulated import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "123456789012", "eu-central-1"
NAME = f"dash-staging-state-{ACCOUNT}"


@pytest.fixture(name="stack")
def _stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Staging of a checkout that has nothing but its settings."""
    for name in ("Pulumi.yaml", "infra/stacks/Pulumi.staging.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    with simulation.running(tmp_path, REGION, ()) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield Stack(tmp_path, "staging")


@pytest.mark.timeout(120)
def test_pulumi_keeps_a_stack_in_the_bucket_and_its_secrets_by_the_key(stack: Stack) -> None:
    run = Bootstrap(stack, ACCOUNT, REGION)
    run.run()
    bucket = boto3.client("s3", region_name=REGION)
    pulumi.select(stack)
    said = yaml.safe_load(state.file(stack).read_text())
    kept = [o["Key"] for o in bucket.list_objects_v2(Bucket=NAME)["Contents"]]
    listed = json.loads(pulumi._run(stack, "stack", "ls", "--json").stdout)
    again = state.file(stack).read_text()
    pulumi.select(stack)  # of another operator, who has the file from git

    assert ".pulumi/stacks/dash/staging.json" in kept
    assert [found["name"] for found in listed] == ["staging"]
    where = "awskms://alias/dash-staging-state?region=eu-central-1"
    assert said["secretsprovider"] == where
    assert said["encryptedkey"]
    assert "encryptionsalt" not in said
    assert said["config"]["dash:state"] == run.url
    assert state.file(stack).read_text() == again
    assert not (stack.directory / "pulumi" / ".pulumi").exists()
