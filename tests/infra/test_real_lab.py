"""A lab from nothing with real Pulumi and podman: made, drifted, mended, unchanged."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from infra.podman import runtime
from ops import pulumi
from tests.infra import conftest as labs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

# The real thing takes minutes: with --all.
pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
HOSTS = ["app-blue-1", "app-green-1", "db-1", "edge-1", "monitor-1", "simulator-1"]


@pytest.fixture(name="lab", scope="module")
def _lab() -> Iterator[Stack]:
    """A lab that is up; every test leaves it so."""
    with labs.removed_at_the_end(labs.unused()) as stack:
        assert "created" in pulumi.up(stack)
        yield stack


def podman(stack: Stack, verb: str, host: str, *words: str) -> str:
    return runtime.podman(verb, *words, f"{stack.prefix}-{host}")


def test_four_hosts_answer_over_ssh_with_the_key_that_is_known(lab: Stack) -> None:
    found = {h["name"]: h["address"] for h in pulumi.outputs(lab)["hosts"]}

    assert sorted(found) == HOSTS
    for name, address in found.items():
        done = labs.ssh(lab, address, "hostname; sudo id -u; systemctl is-system-running")
        assert done.stdout.split() == [name, "0", "running"], done.stderr


def test_hosts_find_one_another_by_name(lab: Stack) -> None:
    done = labs.ssh(lab, lab.address("edge", 1), "getent hosts db-1 app-blue-1")

    assert lab.address("db", 1) in done.stdout
    assert lab.address("app-blue", 1) in done.stdout


def test_nothing_starts_before_a_role_says_so(lab: Stack) -> None:
    units = "haproxy postgresql nftables chrony"
    done = labs.ssh(lab, lab.address("db", 1), f"systemctl is-active {units}; pg_lsclusters -h")

    assert set(done.stdout.split()) == {"inactive"}


def test_a_second_up_changes_nothing_and_preview_agrees(lab: Stack) -> None:
    before = [podman(lab, "inspect", host, "--format", "{{.State.StartedAt}}") for host in HOSTS]

    assert pulumi.up(lab) == "nothing to change"
    assert "9 unchanged" in pulumi.preview(lab)
    after = [podman(lab, "inspect", host, "--format", "{{.State.StartedAt}}") for host in HOSTS]
    assert after == before


def test_pulumi_leaves_the_checkout_clean(lab: Stack) -> None:
    """It likes to write an encryption salt into a stack's file."""
    words = ["git", "status", "--short", "--", "infra/stacks", "Pulumi.yaml"]
    done = subprocess.run(words, cwd=lab.root, capture_output=True, text=True, check=True)

    assert done.stdout == ""


def test_drift_is_seen_by_preview_and_mended_with_the_data_kept(lab: Stack) -> None:
    for host in HOSTS:
        runtime.podman("exec", f"{lab.prefix}-{host}", "touch", "/var/tmp/mark")
    podman(lab, "rm", "app-green-1", "--force", "--time", "0")
    podman(lab, "stop", "db-1", "--time", "0")
    podman(lab, "pause", "app-blue-1")
    runtime.podman("network", "disconnect", lab.prefix, f"{lab.prefix}-edge-1")
    seen = pulumi.preview(lab)

    assert "+ 1 to create" in seen
    assert "~ 3 to update" in seen
    assert pulumi.up(lab) == "1 created, 3 updated"
    assert "9 unchanged" in pulumi.preview(lab)
    for host in HOSTS:
        marked = runtime.podman(
            "exec", f"{lab.prefix}-{host}", "sh", "-c", "ls /var/tmp/mark; true"
        ).split()
        assert marked == ([] if host == "app-green-1" else ["/var/tmp/mark"])
    for kind in ("edge", "app-blue", "app-green", "db"):
        assert labs.ssh(lab, lab.address(kind, 1), "true").returncode == 0


def test_lost_keys_are_made_anew_and_cost_no_data(lab: Stack) -> None:
    runtime.podman("exec", f"{lab.prefix}-db-1", "touch", "/var/tmp/kept")
    for file in (lab.directory / "ssh").iterdir():
        file.unlink()

    assert pulumi.up(lab) == "4 updated"
    assert labs.ssh(lab, lab.address("db", 1), "sudo ls /var/tmp/kept").returncode == 0


def test_a_lost_state_takes_the_hosts_as_they_are(lab: Stack) -> None:
    runtime.podman("exec", f"{lab.prefix}-db-1", "touch", "/var/tmp/still")
    (lab.directory / "pulumi").rename(lab.directory / "lost")

    assert "created" in pulumi.up(lab)
    assert labs.ssh(lab, lab.address("db", 1), "sudo ls /var/tmp/still").returncode == 0
