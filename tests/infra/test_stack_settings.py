"""A stack's settings: the file, what the command line said, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import (
    STACKS,
    Stack,
    StackError,
)
from infra import settings

ROOT = Path(__file__).resolve().parents[2]
FILE = {
    "provider": "podman",
    "chaos": "true",
    "edge_hosts": "1",
    "app_hosts": "2",
    "db_hosts": "1",
    "monitor_hosts": "1",
    "simulator_hosts": "0",
}


def choose(configured: dict[str, Any], overrides: dict[str, Any]) -> settings.Settings:
    return settings.choose(Stack(Path("/checkout")), configured.get, overrides)


def test_the_file_s_settings_are_taken() -> None:
    found = choose(FILE, {})

    assert (found.provider, found.edge_hosts, found.app_hosts, found.db_hosts) == (
        "podman",
        1,
        2,
        1,
    )


def test_the_command_line_is_stronger_than_the_file() -> None:
    found = choose({**FILE, "provider": "aws"}, {"provider": "podman", "app_hosts": 3})

    assert (found.provider, found.app_hosts, found.db_hosts) == ("podman", 3, 1)


@pytest.mark.parametrize("value", [0, 10, -1, "two", 1.5, True, ""])
def test_a_number_of_hosts_that_cannot_be_is_refused_with_its_value(value: object) -> None:
    with pytest.raises(StackError, match=r"dash:app_hosts of stack lab is .*: 1 to 9 hosts"):
        choose(FILE, {"app_hosts": value})


def test_a_stack_may_have_no_monitor() -> None:
    assert choose(FILE, {}).monitor_hosts == 1
    assert choose(FILE, {"monitor_hosts": 0}).monitor_hosts == 0


@pytest.mark.parametrize(("said", "meant"), [("true", True), (True, True), ("false", False)])
def test_a_stack_says_whether_it_may_be_broken_on_purpose(said: object, meant: bool) -> None:
    assert choose({**FILE, "chaos": said}, {}).chaos is meant


def test_a_word_for_chaos_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(StackError, match="dash:chaos of stack lab is 'maybe': true or false"):
        choose({**FILE, "chaos": "maybe"}, {})


def test_production_alone_does_not_allow_chaos() -> None:
    allowed = {
        name: yaml.safe_load((ROOT / f"infra/stacks/Pulumi.{name}.yaml").read_text())["config"][
            "dash:chaos"
        ]
        for name in STACKS
    }
    assert allowed == {"lab": "true", "staging": "true", "production": "false"}


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StackError, match="provider 'azure': choose podman or aws"):
        choose({**FILE, "provider": "azure"}, {})


def test_a_missing_setting_names_its_file() -> None:
    with pytest.raises(StackError, match=r"Pulumi\.lab\.yaml lacks dash:db_hosts"):
        choose({k: v for k, v in FILE.items() if k != "db_hosts"}, {})


def test_no_overrides_are_none(tmp_path: Path) -> None:
    assert settings.read_overrides(tmp_path / "overrides.json") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no JSON object"),
        ('{"app_host": 2}', "unknown setting app_host: did you mean app_hosts"),
        ('{"zzz": 2}', "unknown setting zzz: known: provider"),
    ],
)
def test_broken_overrides_are_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "overrides.json"
    file.write_text(text)

    with pytest.raises(StackError, match=said) as raised:
        settings.read_overrides(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_s_file_is_whole_and_needs_no_secret(stack: str) -> None:
    """The committed salt is that of the empty passphrase: `pulumi up` leaves git clean."""
    document = yaml.safe_load((ROOT / f"infra/stacks/Pulumi.{stack}.yaml").read_text())
    configured = {k.removeprefix("dash:"): v for k, v in document["config"].items()}

    assert choose(configured, {}).provider == ("podman" if stack == "lab" else "aws")
    assert document["encryptionsalt"]
    assert "secure" not in json.dumps(document["config"])
