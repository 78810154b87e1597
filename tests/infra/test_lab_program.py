"""The lab as Pulumi sees it: resources have parents, names are stable, outputs are the seam."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime import test as as_program

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra.components.lab import Lab, LabArgs, describe, placed, urls
from infra.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = Stack(Path("/checkout"))


class Recorder(Mocks):
    """Answers for the engine, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.seen[args.name] = args
        return f"{args.name}-id", dict(args.inputs)

    def call(self, _args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        return {}, None


@pytest.fixture(name="loop", scope="module")
def _loop() -> Iterator[None]:
    """One loop for all programs here: Pulumi's root resource stays with the first that it met."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    with warnings.catch_warnings():
        # Pulumi's mocked monitor opens a loop in every worker thread and closes none of them
        warnings.simplefilter("ignore", ResourceWarning)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)
        gc.collect()


@pytest.fixture(name="engine")
def _engine(loop: None) -> Recorder:  # noqa: ARG001 -- it only has to be there
    recorder = Recorder()
    set_mocks(recorder, project="dash", stack="lab", preview=False)
    return recorder


def args(**more: int) -> LabArgs:
    kinds = ("edge", "app", "db", "monitor", "simulator")
    counts = {**dict.fromkeys((f"{kind}_hosts" for kind in kinds), 1), **more}
    keys = Keys(public="ssh-ed25519 A", host="ssh-ed25519 B", host_file=Path("/k"))
    return LabArgs(stack=STACK, image="localhost/dash-host:abc", keys=keys, **counts)


def run(engine: Recorder, lab: LabArgs) -> dict[str, Any]:
    """Run the component to its end and return what the engine was asked for, by name."""
    as_program(lambda: Lab("lab", lab))()  # type: ignore[no-untyped-call] # Pulumi's own
    return engine.seen


def test_a_lab_is_an_image_a_network_and_its_hosts(engine: Recorder) -> None:
    seen = run(engine, args())

    assert sorted(seen) == [
        "app-blue-1",
        "app-green-1",
        "db-1",
        "edge-1",
        "image",
        "lab",
        "monitor-1",
        "network",
        "simulator-1",
    ]


def test_more_hosts_leave_the_names_of_the_others(engine: Recorder) -> None:
    """A renamed resource is another one: its host would be made anew."""
    seen = run(engine, args(app_hosts=2))

    assert {"app-blue-1", "app-blue-2", "app-green-1", "app-green-2"} < set(seen)


def test_every_resource_has_a_parent(engine: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    parents: dict[str, object] = {}
    register = pulumi.Resource.__init__

    def spy(self: pulumi.Resource, t: str, name: str, *rest: Any, **more: Any) -> None:
        opts = more.get("opts") or next(
            (x for x in rest if isinstance(x, pulumi.ResourceOptions)), None
        )
        parents[name] = opts.parent if opts else None
        register(self, t, name, *rest, **more)

    monkeypatch.setattr(pulumi.Resource, "__init__", spy)
    run(engine, args())
    component = parents.pop("lab")

    assert component is None
    assert len(parents) == 8
    assert all(isinstance(parent, Lab) for parent in parents.values())


def test_hosts_get_what_podman_needs(engine: Recorder) -> None:
    inputs = run(engine, args())["edge-1"].inputs

    assert {
        "container": "dash-lab-edge-1",
        "address": "10.89.50.11",
        "mac": "02:d5:59:00:00:0b",
        "ports": ["127.0.0.1:8080:80", "127.0.0.1:8443:443", "127.0.0.1:8444:8444"],
        "image": "image-id",
        "network": "network-id",
        "checkout": STACK.checkout,
        "stack": "lab",
        "state": "running",
    }.items() <= inputs.items()


def test_only_the_first_edge_and_every_monitor_publish_ports() -> None:
    hosts = describe(args(edge_hosts=2, monitor_hosts=2))
    found = {h["name"]: placed(STACK, h)["ports"] for h in hosts}

    assert [name for name, ports in found.items() if ports] == ["edge-1", "monitor-1", "monitor-2"]
    assert found["monitor-1"] == [
        "127.0.0.1:3000:3000", "127.0.0.1:9090:9090", "127.0.0.1:9093:9093"
    ]  # fmt: skip
    assert found["monitor-2"] == [
        "127.0.0.1:20000:3000", "127.0.0.1:20001:9090", "127.0.0.1:20002:9093"
    ]  # fmt: skip


@pytest.mark.parametrize("monitors", [0, 1, 2])
def test_addresses_are_told_of_what_is_there(monitors: int) -> None:
    found = urls(STACK, monitors)

    assert found["http"] == "http://127.0.0.1:8080"
    assert found["https"] == "https://127.0.0.1:8443"
    assert found.get("prometheus") == ("https://127.0.0.1:9090" if monitors else None)
    assert found.get("prometheus-2") == ("https://127.0.0.1:20001" if monitors > 1 else None)
    assert len(found) == 3 + 3 * monitors


def test_nothing_is_published_beyond_loopback() -> None:
    for host in describe(args(edge_hosts=2, app_hosts=2)):
        assert all(p.startswith("127.0.0.1:") for p in placed(STACK, host)["ports"])


def test_the_hosts_output_is_plain_json_with_the_promised_keys() -> None:
    found = json.loads(json.dumps(describe(args(app_hosts=2))))

    assert all(set(h) == {"name", "role", "color", "address", "container"} for h in found)
    assert [(h["name"], h["role"], h["color"]) for h in found] == [
        ("edge-1", "edge", ""),
        ("app-blue-1", "app", "blue"),
        ("app-blue-2", "app", "blue"),
        ("app-green-1", "app", "green"),
        ("app-green-2", "app", "green"),
        ("db-1", "db", ""),
        ("monitor-1", "monitor", ""),
        ("simulator-1", "simulator", ""),
    ]


def test_the_host_key_never_enters_the_state(engine: Recorder) -> None:
    """Only where the file lies: the stacks keep no secret in Pulumi."""
    inputs = run(engine, args())["db-1"].inputs

    assert inputs["host_key_file"] == "/k"
    assert "PRIVATE" not in json.dumps({k: v for k, v in inputs.items() if k != "__provider"})
