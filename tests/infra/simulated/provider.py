"""The simulated provider, as Pulumi's engine talks to it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.provider.experimental import provider as engine_side
from pulumi.provider.experimental.property_value import Computed, PropertyValue

from tests.infra.simulated import engine, functions
from tests.infra.simulated.cloud import ACCOUNT, Cloud
from tests.infra.simulated.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.infra.simulated.kinds import Kind

HANG = "DASH_SIMULATED_HANG"  # name of an instance of which Pulumi never hears
UNKNOWN = "\0unknown"  # differs from everything that a resource can have
Values = dict[str, PropertyValue]


def plain(value: PropertyValue) -> Any:
    """Return what is in a value of the engine."""
    inner = value.value
    if isinstance(inner, Computed):
        return UNKNOWN
    if isinstance(inner, str | bool | None.__class__):
        return inner
    if isinstance(inner, float):
        return int(inner) if inner.is_integer() else inner
    if hasattr(inner, "items"):
        return {key: plain(each) for key, each in inner.items() if each.value is not None}
    return [plain(each) for each in inner]  # type: ignore[union-attr] # the last kind there is


def wrapped(value: Any, *, secret: bool = False) -> PropertyValue:
    """Return a plain value as the engine wants it."""
    if isinstance(value, dict):
        return PropertyValue({str(k): wrapped(each) for k, each in value.items()}, secret)
    if isinstance(value, list | tuple):
        return PropertyValue([wrapped(each) for each in value], secret)
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return PropertyValue(value, secret)


def all_plain(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    """Return the values that are there: the engine has nothing and absent as the same."""
    found = {key: plain(each) for key, each in values.items()}
    return {key: each for key, each in found.items() if each is not None}


class Refused(Exception):
    """What the operator sees: which thing could not be had, and AWS' words for why."""


class Simulated(engine_side.Provider):
    """Carries out resources of package `aws` where AWS_ENDPOINT_URL points."""

    def __init__(self) -> None:
        self._cloud = Cloud(os.environ["AWS_REGION"])

    def _kind(self, path: str) -> Kind:
        """Return the row of a type, which the engine names with the types of all its parents."""
        token = path.rpartition("$")[2]
        if token not in KINDS:
            raise Refused(f"the simulated AWS has no {token}: add it to tests/infra/simulated")
        return KINDS[token]

    async def configure(
        self, request: engine_side.ConfigureRequest
    ) -> engine_side.ConfigureResponse:
        """Take the region, and refuse every account that the program does not name."""
        given = all_plain(request.args)
        self._cloud = Cloud(str(given.get("region") or os.environ["AWS_REGION"]))
        allowed = given.get("allowedAccountIds") or [ACCOUNT]
        if isinstance(allowed, str):  # the engine hands lists of a provider as JSON
            allowed = json.loads(allowed)
        with _words("configuring", "the provider"):
            found = self._cloud.call("sts", "get_caller_identity", {})["Account"]
        if found not in allowed:
            raise Refused(f"AWS account ID not allowed: {found}")
        return engine_side.ConfigureResponse(accept_secrets=True, supports_preview=False)

    async def check(self, request: engine_side.CheckRequest) -> engine_side.CheckResponse:
        """Give a name to what has none, the same for as long as it lives."""
        named = self._kind(request.type).named
        inputs = dict(request.new_inputs)
        if named and (named not in inputs or inputs[named].value is None):
            digits = hashlib.sha256(request.random_seed).hexdigest()[:7]
            before = request.old_inputs.get(named)
            inputs[named] = before or PropertyValue(f"{request.name}-{digits}")
        return engine_side.CheckResponse(inputs=inputs)

    async def diff(self, request: engine_side.DiffRequest) -> engine_side.DiffResponse:
        """Tell what differs and whether the thing must be made anew for it."""
        kind = self._kind(request.type)
        state, inputs = all_plain(request.old_state), all_plain(request.new_inputs)
        names = [
            name for name in engine.changed(state, inputs) if name not in request.ignore_changes
        ]
        anew = engine.replaces(kind, names)
        kinds = engine_side.PropertyDiffKind
        return engine_side.DiffResponse(
            changes=bool(names),
            replaces=anew,
            diffs=names,
            detailed_diff={
                name: engine_side.PropertyDiff(
                    kinds.UPDATE_REPLACE if name in anew else kinds.UPDATE, input_diff=False
                )
                for name in names
            },
        )

    async def create(self, request: engine_side.CreateRequest) -> engine_side.CreateResponse:
        """Make one."""
        kind, inputs = self._kind(request.type), all_plain(request.properties)
        with _words("creating", _what(request.urn)):
            ident, state = engine.create(self._cloud, kind, inputs)
        await _answer_lost(request)
        properties = _state(state, inputs, request.properties)
        return engine_side.CreateResponse(resource_id=ident, properties=properties)

    async def read(self, request: engine_side.ReadRequest) -> engine_side.ReadResponse:
        """Look what a thing is like now; no id says that it is gone."""
        kind = self._kind(request.type)
        known = all_plain(request.properties)
        inputs = all_plain(request.inputs)
        with _words("reading", _what(request.urn)):
            state = engine.read(self._cloud, kind, request.resource_id, inputs)
        if state is None:
            return engine_side.ReadResponse()
        # What AWS does not show stays as it was when it was made.
        whole = {**{k: v for k, v in known.items() if not k.startswith("__")}, **state}
        return engine_side.ReadResponse(
            resource_id=request.resource_id,
            properties=_state(whole, inputs, request.properties),
            inputs=request.inputs,
        )

    async def update(self, request: engine_side.UpdateRequest) -> engine_side.UpdateResponse:
        """Change what differs."""
        kind, inputs = self._kind(request.type), all_plain(request.news)
        olds = all_plain(request.olds)
        with _words("updating", _what(request.urn)):
            state = engine.update(self._cloud, kind, request.resource_id, olds, inputs)
        return engine_side.UpdateResponse(properties=_state(state, inputs, request.news))

    async def delete(self, request: engine_side.DeleteRequest) -> None:
        """Remove it."""
        kind, state = self._kind(request.type), all_plain(request.properties)
        with _words("deleting", _what(request.urn)):
            engine.delete(self._cloud, kind, request.resource_id, state)
        await _answer_lost(request)

    async def invoke(self, request: engine_side.InvokeRequest) -> engine_side.InvokeResponse:
        """Answer a question."""
        with _words("asking", request.tok):
            answer = functions.answer(self._cloud, request.tok, all_plain(request.args))
        return engine_side.InvokeResponse({key: wrapped(each) for key, each in answer.items()})


async def _answer_lost(request: engine_side.CreateRequest | engine_side.DeleteRequest) -> None:
    """Say nothing for ever of what AWS has done, where a test wants that."""
    if request.name == os.environ.get(HANG) and request.type.endswith(":Instance"):
        await asyncio.sleep(3600)


@contextmanager
def _words(verb: str, what: str) -> Iterator[None]:
    """Turn what AWS or the table says into one line with the thing's name."""
    try:
        yield
    except (ClientError, BotoCoreError, KeyError, PermissionError) as error:
        raise Refused(f"{verb} {what}: {error}") from None


def _what(urn: str) -> str:
    """Return a resource's type and name, without its parents."""
    return " ".join(urn.rpartition("$")[2].split("::")[-2:])


def _state(
    state: Mapping[str, Any], inputs: Mapping[str, Any], given: Mapping[str, PropertyValue]
) -> Values:
    """Return a state for the engine; what was secret in the arguments stays so."""
    secret = {key for key, value in given.items() if value.contains_secret()}
    found = {key: wrapped(value, secret=key in secret) for key, value in state.items()}
    return {**found, "__given": wrapped(sorted(inputs))}
