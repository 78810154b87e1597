"""What `./dash doctor` says of a stack on AWS: each fault with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import doctor_aws, tools, tunnel
from ops.doctor import Level
from tests.infra.simulated import simulation

REGION = "eu-central-1"


@pytest.fixture(name="aws", scope="module")
def _aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[simulation.Simulation]:
    with simulation.running(tmp_path_factory.mktemp("aws"), REGION, []) as running:
        yield running


@pytest.fixture(name="way")
def _way(aws: simulation.Simulation, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lead boto3 to the simulation; return what leads it elsewhere."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("way")
def test_credentials_of_the_stacks_account_are_fine() -> None:
    check = doctor_aws.credentials("staging", REGION, "123456789012")

    assert check.level is Level.OK
    assert check.seen.startswith("arn:aws:sts::123456789012:")


@pytest.mark.usefixtures("way")
def test_credentials_of_another_account_are_not() -> None:
    check = doctor_aws.credentials("staging", REGION, "999999999999")

    assert check.level is Level.BROKEN
    assert check.seen.endswith(", and dash:account of staging is 999999999999")
    assert check.mend == "export AWS_PROFILE=<one of that account>"


def test_no_credentials_come_with_the_command_that_gives_some(way: pytest.MonkeyPatch) -> None:
    way.delenv("AWS_ACCESS_KEY_ID")
    way.delenv("AWS_SECRET_ACCESS_KEY")
    check = doctor_aws.credentials("staging", REGION, "")

    assert (check.level, check.seen) == (Level.BROKEN, "no AWS credentials are set")
    assert check.mend.startswith("export AWS_PROFILE=<name> (aws configure sso makes one)")


def test_an_aws_that_does_not_answer_is_told_soon(way: pytest.MonkeyPatch) -> None:
    way.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    check = doctor_aws.credentials("staging", REGION, "")

    assert check.level is Level.BROKEN
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/"' in check.seen


def plugin(folder: Path, version: str) -> dict[str, str]:
    file = folder / tunnel.PLUGIN
    file.write_text(f"#!/bin/sh\necho {version}\n")
    file.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("1.2.804.0", Level.OK),
        ("1.3.0.0", Level.OK),
        ("1.2.707.0", Level.BROKEN),
        ("", Level.BROKEN),
    ],
)
def test_the_plugin_must_take_its_token_in_secret(
    tmp_path: Path, version: str, level: Level
) -> None:
    check = doctor_aws.plugin(plugin(tmp_path, version))

    assert check.level is level
    assert check.mend == ("" if level is Level.OK else doctor_aws.INSTALL)


def test_no_plugin_comes_with_both_ways_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "cached", lambda _: None)
    check = doctor_aws.plugin({"PATH": str(tmp_path)})

    assert check.level is Level.BROKEN
    assert check.seen == "not installed: no host can be reached"
    assert check.mend == f"{doctor_aws.INSTALL}; with Go: {doctor_aws.BUILD}"


def test_one_that_dash_built_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "1.3.0.0")
    monkeypatch.setattr(tools, "cached", lambda _: tmp_path)

    assert doctor_aws.plugin({"PATH": "/nowhere"}).seen == f"1.3.0.0 at {tmp_path}/{tunnel.PLUGIN}"


def test_the_aws_cli_is_a_wish_only(tmp_path: Path) -> None:
    check = doctor_aws.cli({"PATH": str(tmp_path)})

    assert (check.level, check.mend) == (Level.NOTE, doctor_aws.CLI)
