"""Pulumi's engine played for the program of AWS: what was asked for, as the real one would see it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime import test as as_program

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra import settings
from infra.components.cloud import Cloud

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


class Recorder(Mocks):
    """Answers for the engine, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[pulumi.runtime.MockResourceArgs] = []

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.asked.append(args)
        made = {"arn": f"arn:{args.typ}:{args.name}", **ANSWERS.get(args.typ, {}), **args.inputs}
        return f"{args.name}-id", made

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        return {"id": f"{args.token}-id", **args.args}, []


@contextmanager
def loop() -> Iterator[None]:
    """One fresh event loop: Pulumi's root resource stays with the first that it met."""
    fresh = asyncio.new_event_loop()
    asyncio.set_event_loop(fresh)
    try:
        yield
    finally:
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


def run(
    stack: str, **changed: object
) -> tuple[list[pulumi.runtime.MockResourceArgs], dict[str, Any]]:
    """Run the program of a stack; return what it asked for and its outputs."""
    recorder = Recorder()
    set_mocks(recorder, project="dash", stack=stack, preview=False)
    seam: dict[str, Any] = {}

    def program() -> Any:
        cloud = Cloud("cloud", wanted(stack, **changed), KEY)
        return pulumi.Output.from_input(cloud.seam).apply(seam.update)

    as_program(program)()  # type: ignore[no-untyped-call] # Pulumi's own
    return recorder.asked, seam
