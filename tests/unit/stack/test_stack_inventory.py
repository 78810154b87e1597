"""The inventory plugin: groups, variables, its cache, and what it says when nothing is up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.inventory import stack as plugin
from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import state
from ops.inventory import plain

ROOT = Path(__file__).resolve().parents[3]
OUTPUTS: dict[str, Any] = {
    "hosts": [
        {"name": n, "role": r, "color": c, "address": a, "container": f"dash-lab-{n}"}
        for n, r, c, a in (
            ("edge-1", "edge", "", "10.89.50.11"),
            ("app-blue-1", "app", "blue", "10.89.50.21"),
            ("app-green-1", "app", "green", "10.89.50.31"),
            ("db-1", "db", "", "10.89.50.41"),
            ("monitor-1", "monitor", "", "10.89.50.51"),
            ("simulator-1", "simulator", "", "10.89.50.61"),
        )
    ],
    "urls": {
        "http": "http://127.0.0.1:8080",
        "https": "https://127.0.0.1:8443",
        "preview": "https://127.0.0.1:8444",
        "prometheus": "https://127.0.0.1:9090",
    },
    "provider": "podman",
    "chaos": True,
    "network": "10.89.50.0/24",
}


@pytest.fixture(name="stack")
def _stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A checkout whose state exists, and a pulumi that prints OUTPUTS and counts its calls."""
    stack = Stack(tmp_path / "checkout")
    state = stack.directory / "pulumi/.pulumi/stacks/dash/lab.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    for part in ("ansible_collections", "inventories"):
        (stack.root / part).symlink_to(ROOT / part)
    write_pulumi(tmp_path, OUTPUTS)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return stack


def write_pulumi(folder: Path, outputs: dict[str, Any], code: int = 0) -> None:
    (folder / "outputs").write_text(json.dumps(outputs))
    program = folder / "pulumi"
    calls = f'echo "$PULUMI_BACKEND_URL" >>"{folder}/calls"'
    program.write_text(f'#!/bin/sh\n{calls}\ncat "{folder}/outputs"\nexit {code}\n')
    program.chmod(0o755)


def ansible(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ANSIBLE_HOME": str(stack.root / "home"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    program = str(Path(sys.executable).with_name(words[0]))
    return subprocess.run(
        [program, "-i", "inventories/lab/dash.yml", *words[1:]],
        cwd=stack.root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_groups_and_variables_are_those_of_the_architecture(stack: Stack) -> None:
    done = ansible(stack, "ansible-inventory", "--list")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {k: v["hosts"] for k, v in document.items() if "hosts" in v} == {
        "edge": ["edge-1"],
        "app": ["app-blue-1", "app-green-1"],
        "app_blue": ["app-blue-1"],
        "app_green": ["app-green-1"],
        "db": ["db-1"],
        "monitor": ["monitor-1"],
        "simulator": ["simulator-1"],
        "zone_a": ["edge-1", "app-blue-1", "app-green-1", "db-1", "monitor-1", "simulator-1"],
    }
    found = document["_meta"]["hostvars"]["app-green-1"].items()
    seen = {name: plain(value) for name, value in found}
    common = seen.pop("ansible_ssh_common_args")
    assert Path(seen["dash_python"]).parent == Path(sys.executable).parent
    assert (
        f"UserKnownHostsFile={stack.directory}/known_hosts -o StrictHostKeyChecking=yes" in common
    )
    wanted = {
        "ansible_host": "10.89.50.31",
        "ansible_user": "ansible",
        "ansible_ssh_private_key_file": f"{stack.directory}/ssh/id_ed25519",
        "dash_role": "app",
        "dash_color": "green",
        "dash_address": "10.89.50.31",
        "dash_stack": "lab",
        "dash_root": str(stack.root),
        "dash_state_dir": str(stack.directory),
        "dash_public_url": "https://127.0.0.1:8443",
        "dash_preview_url": "https://127.0.0.1:8444",
        "dash_monitor_urls": {"prometheus": "https://127.0.0.1:9090"},
        "dash_network": "10.89.50.0/24",
        "dash_provider": "podman",
        "dash_chaos": True,
        "dash_container": "dash-lab-app-green-1",
    }
    assert {k: seen.get(k) for k in wanted} == wanted


def test_pulumi_is_asked_once_for_one_state(stack: Stack, tmp_path: Path) -> None:
    assert plugin.read_outputs(stack) == OUTPUTS
    assert plugin.read_outputs(stack) == OUTPUTS

    assert (tmp_path / "calls").read_text() == f"file://{stack.directory}/pulumi\n"


def test_a_changed_state_is_read_again(stack: Stack, tmp_path: Path) -> None:
    plugin.read_outputs(stack)
    write_pulumi(tmp_path, {**OUTPUTS, "provider": "aws"})
    (stack.directory / "pulumi/.pulumi/stacks/dash/lab.json").write_text('{"a": 1}')

    assert plugin.read_outputs(stack)["provider"] == "aws"


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"key": 1, "outputs": 2}', "\0"])
def test_a_broken_cache_is_read_over(stack: Stack, kept: str) -> None:
    (stack.directory / "outputs.json").write_text(kept)

    assert plugin.read_outputs(stack) == OUTPUTS


def test_a_stack_that_was_removed_has_no_hosts(stack: Stack, tmp_path: Path) -> None:
    write_pulumi(tmp_path, {})

    with pytest.raises(plugin.NoHosts, match=r"lab has no hosts: type \./dash --stack lab up"):
        plugin.read_outputs(stack)


URL = "s3://dash-lab-state-1?region=eu-central-1"
SETTINGS = f"config:\n  dash:provider: {{}}\n  dash:state: {URL}\n"


def settings(stack: Stack, provider: str, overrides: str = "") -> None:
    file = stack.root / "infra/stacks/Pulumi.lab.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SETTINGS.format(provider))
    if overrides:
        (stack.directory / "overrides.json").write_text(overrides)


def test_a_state_that_lies_elsewhere_is_asked_every_time(stack: Stack, tmp_path: Path) -> None:
    """Also when a rehearsal has left a state here: nobody here sees a change of the other."""
    settings(stack, "aws")
    for _ in range(2):
        assert plugin.read_outputs(stack) == OUTPUTS

    assert (tmp_path / "calls").read_text() == f"{URL}\n" * 2


@pytest.mark.parametrize(
    ("provider", "overrides", "elsewhere"),
    [
        ("aws", "", URL),
        ("aws", '{"provider": "podman"}', ""),  # a rehearsal
        ("podman", "", ""),
        ("podman", '{"provider": "aws"}', URL),
    ],
)
def test_where_the_state_lies_is_what_pulumi_is_told(
    stack: Stack, provider: str, overrides: str, elsewhere: str
) -> None:
    settings(stack, provider, overrides)

    assert plugin.shared_state(stack) == state.shared(stack) == elsewhere


def test_settings_that_cannot_be_read_are_named(stack: Stack) -> None:
    settings(stack, "aws", "[")

    with pytest.raises(plugin.NoHosts, match=r"overrides\.json cannot be read: mend it"):
        plugin.read_outputs(stack)


def test_a_state_that_may_not_be_read_is_told_as_such(stack: Stack, tmp_path: Path) -> None:
    """The operator's credentials have expired; the hosts are where they were."""
    said = "error: ... (code=Unknown): ExpiredToken: The provided token has expired."
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n")

    with pytest.raises(plugin.NoHosts, match=r"credentials have expired\. Next: aws sso login"):
        plugin.read_outputs(stack)


def test_without_pulumi_the_way_to_it_is_told(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(
        plugin.NoHosts, match=r'pulumi is not on PATH: type eval "\$\(./dash env\)"'
    ):
        plugin.read_outputs(stack)


def test_ansible_ends_with_one_line_when_nothing_is_up(tmp_path: Path, stack: Stack) -> None:
    """It must not go on without hosts: a deploy of nothing would end with 0."""
    (stack.directory / "pulumi/.pulumi/stacks/dash/lab.json").unlink()
    playbook = tmp_path / "p.yml"
    playbook.write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n")
    done = ansible(stack, "ansible-playbook", str(playbook))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "stack lab has no hosts: type ./dash --stack lab up\n"


def test_a_look_at_the_syntax_needs_no_hosts(tmp_path: Path, stack: Stack) -> None:
    (stack.directory / "pulumi/.pulumi/stacks/dash/lab.json").unlink()
    playbook = tmp_path / "p.yml"
    playbook.write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n")

    assert ansible(stack, "ansible-playbook", "--syntax-check", str(playbook)).returncode == 0
