"""Hosts and networks over a podman in memory: made, adopted, mended, refused, removed."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from infra.podman import hosts, ports, runtime
from infra.podman.provider import HostProvider, ImageProvider, NetworkProvider
from infra.podman.runtime import PodmanError
from tests.infra.fake_podman import FakePodman

NETWORK = {"name": "dash-lab", "subnet": "10.89.50.0/24", "checkout": "ours", "root": "/here"}
NAME = "dash-lab-db-1"


@pytest.fixture(name="podman")
def _podman(monkeypatch: pytest.MonkeyPatch) -> FakePodman:
    fake = FakePodman()
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)  # what `one_line` changes
    monkeypatch.setattr(hosts, "podman", fake)
    monkeypatch.setattr(runtime, "probe", lambda _image: None)
    monkeypatch.setattr(hosts, "_sshd_answers", lambda _address: True)
    return fake


@pytest.fixture(name="props")
def _props(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "host_key").write_text("private\n")
    return {
        "name": "db-1",
        "container": NAME,
        "image": "image:1",
        "network": "dash-lab",
        "address": "10.89.50.41",
        "mac": "02:d5:59:00:00:29",
        "ports": [],
        "checkout": "ours",
        "root": "/here",
        "stack": "lab",
        "public_key": "ssh-ed25519 A",
        "host_key": "ssh-ed25519 B",
        "host_key_file": str(tmp_path / "host_key"),
        "state": "running",
    }


def outs(props: dict[str, Any]) -> dict[str, Any]:
    """What Pulumi's refresh is told of the host."""
    return HostProvider().read(NAME, props).outs or {}


def test_a_new_host_has_its_keys_before_it_boots(podman: FakePodman, props: dict[str, Any]) -> None:
    assert hosts.create_host(props) == NAME

    assert podman.files == {
        f"{NAME}:/etc/ssh/authorized_keys.d/ansible": "ssh-ed25519 A\n",
        f"{NAME}:/etc/ssh/ssh_host_ed25519_key": "private\n",
    }
    assert podman.said.index("cp") < podman.said.index("start")
    labels = podman.containers[NAME]["Config"]["Labels"]
    assert (labels["dash.checkout"], labels["dash.stack"]) == ("ours", "lab")


def test_a_host_that_does_not_boot_is_not_left_behind(
    podman: FakePodman, props: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "BOOT_TIMEOUT", 0.0)

    with pytest.raises(PodmanError, match=r"did not boot within 0 s .* Next: podman logs"):
        hosts.create_host(props)
    assert podman.containers == {}


def test_one_of_ours_that_pulumi_forgot_is_taken_as_it_is(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    """A run was killed, or Pulumi's state was lost: the data stay."""
    podman.add_container(NAME, "exited", checkout="ours", spec=hosts.spec(props))
    hosts.create_host(props)

    assert "create" not in podman.said
    assert "rm" not in podman.said
    assert podman.containers[NAME]["State"]["Status"] == "running"


def test_one_of_ours_that_differs_is_neither_taken_nor_removed(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    podman.add_container(NAME, checkout="ours", spec="another")

    with pytest.raises(PodmanError, match=r"it differs .* Next: \./dash down"):
        hosts.create_host(props)
    assert NAME in podman.containers


@pytest.mark.parametrize(
    ("labels", "owner"),
    [
        ({"checkout": "theirs", "root": "/there"}, "belongs to the checkout /there"),
        ({"checkout": "theirs"}, "belongs to the checkout theirs"),
        ({}, "was not made by Dash"),
    ],
)
def test_another_s_container_is_left_alone(
    podman: FakePodman, props: dict[str, Any], labels: dict[str, str], owner: str
) -> None:
    podman.add_container(NAME, **labels)

    with pytest.raises(PodmanError, match=f"{NAME} exists and {owner}: it is left alone"):
        hosts.create_host(props)
    assert hosts.read_host(NAME, props) is None
    hosts.delete_host(NAME, props)
    assert NAME in podman.containers


def test_a_host_that_is_gone_is_seen(podman: FakePodman, props: dict[str, Any]) -> None:
    assert hosts.read_host(NAME, props) is None
    assert HostProvider().read(NAME, props).id == ""
    assert podman.said == ["container inspect"] * 2


def test_a_podman_that_fails_does_not_make_a_host_gone(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    """Else a broken podman would have every host made anew."""
    podman.fails["container inspect"] = "database is locked"

    with pytest.raises(PodmanError, match="database is locked"):
        HostProvider().read(NAME, props)


@pytest.mark.parametrize("status", ["exited", "created", "paused"])
def test_a_host_that_does_not_run_is_due_and_brought_back(
    podman: FakePodman, props: dict[str, Any], status: str
) -> None:
    podman.add_container(NAME, status, checkout="ours")
    seen = outs(props)
    assert seen["state"] == status
    due = HostProvider().diff(NAME, seen, props)
    HostProvider().update(NAME, seen, props)

    assert (due.changes, due.replaces) == (True, [])
    assert podman.containers[NAME]["State"]["Status"] == "running"
    assert "rm" not in podman.said


def test_a_host_off_its_network_is_due_and_connected(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    podman.add_container(NAME, checkout="ours")
    podman.containers[NAME]["NetworkSettings"]["Networks"] = {}
    seen = outs(props)
    HostProvider().update(NAME, seen, props)

    assert seen["state"] == "off the network"
    assert outs(props)["state"] == "running"


def test_a_host_whose_processes_were_killed_with_podman_s_own_is_told_in_one_line(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    podman.add_container(NAME, checkout="ours")
    podman.containers[NAME]["State"]["Pid"] = 2**22 + 1  # above the highest that Linux gives
    seen = outs(props)

    assert HostProvider().diff(NAME, seen, props).changes
    with pytest.raises(Exception, match=r"processes of .* are gone.*Next: \./dash down"):
        HostProvider().update(NAME, seen, props)


def test_other_keys_are_put_into_the_living_host(podman: FakePodman, props: dict[str, Any]) -> None:
    podman.add_container(NAME, checkout="ours")
    due = HostProvider().diff(NAME, props, {**props, "public_key": "ssh-ed25519 C"})
    hosts.update_host(NAME, props, {**props, "public_key": "ssh-ed25519 C"})

    assert (due.changes, due.replaces) == (True, [])
    assert podman.files[f"{NAME}:/etc/ssh/authorized_keys.d/ansible"] == "ssh-ed25519 C\n"


def test_a_start_that_changes_no_key_copies_none(podman: FakePodman, props: dict[str, Any]) -> None:
    podman.add_container(NAME, "exited", checkout="ours")
    hosts.update_host(NAME, props, props)

    assert podman.files == {}


def test_a_newer_image_costs_no_host(props: dict[str, Any]) -> None:
    """The database's data lie in its container."""
    due = HostProvider().diff(NAME, props, {**props, "image": "image:2"})

    assert due.changes is False


def test_the_image_that_a_host_was_made_from_is_remembered(
    podman: FakePodman, props: dict[str, Any]
) -> None:
    podman.add_container(NAME, "exited", checkout="ours")
    after = HostProvider().update(NAME, props, {**props, "image": "image:2"}).outs

    assert (after or {})["image"] == "image:1"


@pytest.mark.parametrize("key", ["address", "mac", "network", "container", "name", "ports"])
def test_what_a_container_cannot_change_replaces_it(props: dict[str, Any], key: str) -> None:
    due = HostProvider().diff(NAME, props, {**props, key: "other"})

    assert due.replaces == [key]
    assert due.delete_before_replace is True


def test_a_host_as_wanted_is_not_due(props: dict[str, Any]) -> None:
    assert HostProvider().diff(NAME, props, dict(props)).changes is False


def test_a_network_is_isolated_and_ours(podman: FakePodman) -> None:
    assert hosts.create_network(NETWORK) == "dash-lab"
    assert podman.networks["dash-lab"]["labels"]["dash.checkout"] == "ours"


def test_our_network_with_another_subnet_is_made_anew(podman: FakePodman) -> None:
    podman.add_network("dash-lab", "10.0.0.0/24", checkout="ours")
    hosts.create_network(NETWORK)

    assert podman.networks["dash-lab"]["subnets"] == [{"subnet": "10.89.50.0/24"}]


def test_another_s_network_is_left_alone(podman: FakePodman) -> None:
    podman.add_network("dash-lab", "10.89.50.0/24", checkout="theirs", root="/there")

    with pytest.raises(
        PodmanError, match="network dash-lab exists and belongs to the checkout /th"
    ):
        hosts.create_network(NETWORK)
    hosts.delete_network("dash-lab", NETWORK)
    assert "dash-lab" in podman.networks


def test_a_subnet_in_use_says_what_to_type(podman: FakePodman) -> None:
    podman.fails["network create"] = "subnet 10.89.50.0/24 is already used on the host"

    with pytest.raises(PodmanError, match=r"subnet 10\.89\.50\.0/24 is in use .* DASH_LAB=<name>"):
        hosts.create_network(NETWORK)


def test_a_network_is_seen_changed_gone_and_removed(podman: FakePodman) -> None:
    provider = NetworkProvider()
    created = provider.create(NETWORK)
    changed = provider.diff("dash-lab", {**NETWORK, "subnet": "x"}, NETWORK)

    assert provider.read("dash-lab", NETWORK).id == created.id == "dash-lab"
    assert changed.replaces == ["subnet"]
    assert provider.diff("dash-lab", NETWORK, dict(NETWORK)).changes is False
    provider.delete("dash-lab", NETWORK)
    assert provider.read("dash-lab", NETWORK).id == ""
    assert podman.networks == {}


def test_the_image_is_seen_and_never_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"image:1"}
    monkeypatch.setattr("infra.podman.image.exists", there.__contains__)
    provider = ImageProvider()
    provider.delete("image:1", {"name": "image:1"})

    assert provider.read("image:1", {"name": "image:1"}).id == "image:1"
    assert provider.read("image:2", {"name": "image:2"}).id == ""
    assert provider.diff("image:1", {"name": "image:1"}, {"name": "image:2"}).replaces == ["name"]


def test_a_taken_port_is_refused_before_anything_is_made(
    podman: FakePodman, props: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "free", lambda port: port != 8443)
    monkeypatch.setattr(ports, "holder", lambda _port: "nginx (pid 7)")
    props["ports"] = ["127.0.0.1:8080:80", "127.0.0.1:8443:443"]

    with pytest.raises(PodmanError, match=r"port 8443 on 127\.0\.0\.1 is taken by nginx \(pid 7\)"):
        hosts.create_host(props)
    assert podman.containers == {}


def test_a_port_taken_while_the_host_was_stopped_is_refused(
    podman: FakePodman, props: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "free", lambda _port: False)
    monkeypatch.setattr(ports, "holder", lambda _port: "nginx (pid 7)")
    podman.add_container(NAME, "exited", checkout="ours")

    with pytest.raises(PodmanError, match="is taken by nginx"):
        hosts.start_host(NAME, {**props, "ports": ["127.0.0.1:8443:443"]})
    assert "start" not in podman.said


def test_a_running_host_holds_its_ports_itself(
    podman: FakePodman, props: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "free", lambda _port: False)
    podman.add_container(NAME, checkout="ours")
    hosts.start_host(NAME, {**props, "ports": ["127.0.0.1:8443:443"]})

    assert "start" not in podman.said


@pytest.mark.usefixtures("podman")
def test_pulumi_shows_the_operator_s_mistake_as_one_line() -> None:
    """Pulumi prints what `format_exc` says of an exception in a provider."""
    try:
        with runtime.one_line():
            raise PodmanError("port 8443 is taken")  # noqa: TRY301 -- as a provider would
    except PodmanError:
        said = traceback.format_exc()

    assert said == "PodmanError: port 8443 is taken\n"


@pytest.mark.usefixtures("podman")
def test_a_fault_of_ours_keeps_its_traceback() -> None:
    try:
        with runtime.one_line():
            raise KeyError("address")  # noqa: TRY301 -- as a provider would
    except KeyError:
        said = traceback.format_exc()

    assert "Traceback" in said
