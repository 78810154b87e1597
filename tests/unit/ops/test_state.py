"""Where Pulumi's state of a stack lies, and what a rehearsal does not ask of a cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import pulumi, state
from ops.commands import hosts
from ops.console import UsageError, UserError
from ops.session import Session

URL = "s3://dash-staging-state-123456789012?region=eu-central-1"
FILE = """config:
  dash:provider: aws
  # yours
  dash:account: "123456789012"
  dash:region: eu-central-1
encryptionsalt: v1:a:b
"""
IN_A_CLOUD = "\nsecretsprovider: awskms://alias/x\nencryptedkey: abc\n"


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    stack = Stack(tmp_path, "staging")
    state.file(stack).parent.mkdir(parents=True)
    state.file(stack).write_text(FILE)
    stack.directory.mkdir(parents=True)
    return stack


def override(stack: Stack, **settings: object) -> None:
    (stack.directory / "overrides.json").write_text(json.dumps(settings))


def test_a_stack_s_state_lies_here_until_its_settings_name_a_bucket(stack: Stack) -> None:
    assert state.url(stack) == f"file://{stack.directory}/pulumi"
    assert state.creation(stack) == []


def test_the_bucket_is_written_into_the_settings_once_and_comments_stay(stack: Stack) -> None:
    assert state.remember(stack, URL)
    assert not state.remember(stack, URL)
    text = state.file(stack).read_text()

    assert "  # yours\n" in text
    assert yaml.safe_load(text)["config"]["dash:state"] == URL
    assert state.url(stack) == URL
    assert state.creation(stack) == [
        "--secrets-provider", "awskms://alias/dash-staging-state?region=eu-central-1"
    ]  # fmt: skip


def test_another_bucket_takes_the_place_of_the_first(stack: Stack) -> None:
    state.remember(stack, "s3://old?region=eu-west-1")
    state.remember(stack, URL)

    assert state.file(stack).read_text().count("dash:state") == 1
    assert state.url(stack) == URL


def test_a_stack_that_is_not_of_aws_gets_no_bucket(stack: Stack) -> None:
    state.file(stack).write_text("config:\n  dash:provider: podman\n")

    with pytest.raises(UserError, match="has no dash:account"):
        state.remember(stack, URL)


def test_a_rehearsal_keeps_its_state_here_and_asks_no_key_of_the_cloud(stack: Stack) -> None:
    state.remember(stack, URL)
    with state.file(stack).open("a") as file:
        file.write(IN_A_CLOUD)
    override(stack, provider="podman")
    option, path = state.configuration(stack)
    text = Path(path).read_text()

    assert state.url(stack).startswith("file://")
    assert option == "--config-file"
    assert state.creation(stack) == ["--secrets-provider", "passphrase"]
    assert "secretsprovider" not in text
    assert "encryptedkey" not in text
    assert text.count("encryptionsalt") == 1
    assert yaml.safe_load(text)["config"] == yaml.safe_load(FILE)["config"] | {"dash:state": URL}


def test_a_rehearsal_leaves_the_file_as_it_was(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi writes how it keeps secrets into the file when it makes a stack."""
    state.remember(stack, URL)
    with state.file(stack).open("a") as file:
        file.write(IN_A_CLOUD)
    override(stack, provider="podman")
    before = state.file(stack).read_text()
    program = tmp_path / "pulumi"
    program.write_text(
        f'#!/bin/sh\necho "$*" >>"{tmp_path}/words"\necho x >>"{state.file(stack)}"\n'
    )
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PULUMI_HOME": str(tmp_path / "home")}
    monkeypatch.setattr(pulumi, "environment", lambda _: environment)
    monkeypatch.setenv("PATH", environment["PATH"])
    pulumi.select(stack)

    assert state.file(stack).read_text() == before
    assert "--secrets-provider passphrase" in (tmp_path / "words").read_text()


def test_settings_that_cannot_be_read_are_one_line(stack: Stack) -> None:
    state.file(stack).write_text("config: [")

    with pytest.raises(UserError, match="cannot be read: mend it"):
        state.url(stack)


@pytest.mark.parametrize("more", [{}, {"provider": "podman"}])
def test_the_command_line_does_not_size_what_a_team_works_with(
    stack: Stack, more: dict[str, str]
) -> None:
    """Nobody else has `overrides.json`: the next provision elsewhere would undo it."""
    state.remember(stack, URL)
    session = Session(stack="staging", environ={}, root=stack.root)
    if more:  # a rehearsal is this machine's own
        assert hosts.override(session, edge_hosts=3, **more) == {"edge_hosts": 3, **more}
        return

    with pytest.raises(UsageError, match=r"a team's.*Next: say dash:edge_hosts in Pulumi\.staging"):
        hosts.override(session, edge_hosts=3)
    assert not (stack.directory / "overrides.json").exists()
    assert hosts.override(session, provider="aws") == {"provider": "aws"}
