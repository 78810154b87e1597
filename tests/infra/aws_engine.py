"""Pulumi's engine played for the program of AWS: what it asks for, as the real one would see it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi.runtime import Mocks, rpc, set_mocks
from pulumi.runtime import test as as_program
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import ROOT as ROOT_RESOURCE

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra import settings
from infra.components.cloud import Cloud
from infra.policy import Resource, View

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
KEY = "ssh-ed25519 AAAA dash"
# What AWS says of itself and the program reads.
ANSWERS: dict[str, dict[str, Any]] = {
    "aws:acm/certificate:Certificate": {
        "domainValidationOptions": [
            {"resourceRecordName": "_a", "resourceRecordType": "CNAME", "resourceRecordValue": "_b"}
        ]
    },
}


class Answers(Mocks):
    """Answers for AWS: everything is made, and has an id and an ARN."""

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        made = {"arn": f"arn:{args.typ}:{args.name}", **ANSWERS.get(args.typ, {}), **args.inputs}
        return f"{args.name}-id", made

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        return {"id": f"{args.token}-id", "zoneId": "Z1", **args.args}, []


class Engine(MockMonitor):
    """Keeps what it is asked to register, with parents, protection and where inputs come from."""

    def __init__(self) -> None:
        super().__init__(Answers())
        self.asked: list[Resource] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 -- Pulumi's own name
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call] # Pulumi's own
        if request.type != "pulumi:pulumi:Stack":
            leads = {k: tuple(v.urns) for k, v in request.propertyDependencies.items()}
            self.asked.append(
                Resource(
                    urn=answer.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    protect=request.protect,
                    inputs=rpc.deserialize_properties(request.object),
                    leads=leads,
                    after=tuple(request.dependencies),
                )
            )
        return answer


@contextmanager
def loop() -> Iterator[None]:
    """One fresh event loop, and a root resource that knows no other, before and after."""
    fresh = asyncio.new_event_loop()
    ROOT_RESOURCE.set(None)
    asyncio.set_event_loop(fresh)
    try:
        yield
    finally:
        ROOT_RESOURCE.set(None)
        with warnings.catch_warnings():
            # Pulumi's mocked monitor opens a loop in every worker thread and closes none of them
            warnings.simplefilter("ignore", ResourceWarning)
            fresh.run_until_complete(fresh.shutdown_default_executor())
            fresh.close()
            asyncio.set_event_loop(None)
            gc.collect()


def wanted(stack: str, **changed: object) -> settings.Settings:
    """Return the settings of a stack's own file, some of them changed."""
    document = yaml.safe_load((ROOT / f"infra/stacks/Pulumi.{stack}.yaml").read_text())
    configured = {k.removeprefix("dash:"): v for k, v in document["config"].items()}
    return settings.choose(Stack(Path("/checkout"), stack), configured.get, changed)


def run(stack: str, **changed: object) -> tuple[View, dict[str, Any]]:
    """Run the program of a stack; return everything that it asked for, and its outputs."""
    engine = Engine()
    set_mocks(engine.mocks, project="dash", stack=stack, preview=False, monitor=engine)
    seam: dict[str, Any] = {}
    chosen = wanted(stack, **changed)

    def program() -> Any:
        cloud = Cloud("cloud", chosen, KEY)
        return pulumi.Output.from_input(cloud.seam).apply(seam.update)

    as_program(program)()  # type: ignore[no-untyped-call] # Pulumi's own
    assert chosen.cloud
    view = View(stack=stack, protect=chosen.cloud.protect, resources=tuple(engine.asked))
    return view, seam


def changed(view: View, name: str, type_: str, **inputs: Any) -> View:
    """Return the view with some inputs of one resource replaced; None takes one away."""
    found = []
    for resource in view.resources:
        if resource.name == name and resource.type.endswith(f":{type_}"):
            kept = {k: v for k, v in {**resource.inputs, **inputs}.items() if v is not None}
            resource = replace(resource, inputs=kept)  # noqa: PLW2901 -- the one that is meant
        found.append(resource)
    assert found != list(view.resources), f"there is no {name} ({type_})"
    return replace(view, resources=tuple(found))
