"""Make, show, change and remove one resource, as the row of its type says."""

from __future__ import annotations

import re
from collections import UserDict
from typing import TYPE_CHECKING, Any

import jmespath
from botocore.exceptions import ClientError

from tests.infra.simulated import fitting
from tests.infra.simulated.cloud import ACCOUNT, Cloud, gone
from tests.infra.simulated.taggers import TAGGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.simulated.kinds import Kind, Setter, State

# Of every resource; which region it is, the client knows.
IGNORED = {"region", "tagsAll", "__defaults"}


def setters(kind: Kind) -> Mapping[str, Setter]:
    """Return what can be changed while a thing of this kind is there."""
    tagger = TAGGERS.get("ec2" if kind.label else kind.service)
    return {**({"tags": tagger} if tagger else {}), **kind.setters}


def create(cloud: Cloud, kind: Kind, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Make one and return its id and state.

    What was made is removed again when one of its arguments cannot be set: Pulumi would not know
    of it.

    Raises:
        ClientError: AWS says no.
        KeyError: the simulation does not know an argument.
    """
    wanted = {k: v for k, v in inputs.items() if k not in IGNORED | kind.ignored}
    if kind.make:
        ident, left = _make(cloud, kind, wanted)
    else:
        ident, left = _create(cloud, kind, wanted)
    state = {"id": ident, **wanted}
    try:
        known = (left and read(cloud, kind, ident, wanted)) or state
        for name, value in left.items():
            setters(kind)[name](cloud, {**known, **state, "tags": {}}, value)
    except (ClientError, KeyError):
        delete(cloud, kind, ident, state)
        raise
    return ident, read(cloud, kind, ident, inputs) or {**inputs}


class Watched(UserDict[str, Any]):
    """Arguments that remember which of them somebody has looked at."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)


def _make(cloud: Cloud, kind: Kind, wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Have the row's own function make one; return the id and the arguments it left out."""
    assert kind.make is not None
    watched = Watched(wanted)
    ident = kind.make(cloud, watched)
    left = {key: value for key, value in wanted.items() if key not in watched.seen}
    unknown = sorted(set(left) - set(setters(kind)))
    if unknown:
        delete(cloud, kind, ident, {"id": ident, **wanted})
        raise KeyError(f"the simulation does not know {', '.join(unknown)} of a {kind.service}")
    return ident, left


def _create(cloud: Cloud, kind: Kind, wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Make the creating call; return the id and the arguments that it did not take."""
    shape = cloud.shape(kind.service, kind.create)
    renamed = {kind.renamed.get(key, key): key for key in wanted}
    taken = {api: key for api, key in renamed.items() if fitting.member(shape, api)}
    left = {key: wanted[key] for api, key in renamed.items() if api not in taken}
    unknown = sorted(set(left) - set(setters(kind)))
    if unknown:
        raise KeyError(f"the simulation does not know {', '.join(unknown)} of {kind.create}")
    arguments: dict[str, Any] = {**kind.given, **{api: wanted[key] for api, key in taken.items()}}
    if kind.label and left.get("tags") and fitting.member(shape, "TagSpecifications"):
        tags = left.pop("tags")
        arguments["TagSpecifications"] = [{"ResourceType": kind.label, "Tags": tags}]
    answer = cloud.run(kind.service, kind.create, arguments, {}, {})
    return str(jmespath.search(kind.ident, {**answer, "in": wanted})), left


def read(cloud: Cloud, kind: Kind, ident: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a thing is like now, None when it is gone. Raises ClientError.

    An argument is taken from AWS where AWS shows it under the same name as one plain value;
    of the others Pulumi believes what it was told.
    """
    state: dict[str, Any] = {"id": ident, **inputs}
    thing: Any = {}
    if kind.read:
        answer = cloud.look(kind.service, kind.read, kind.show, state)
        thing = None if answer is None else jmespath.search(_filled(kind.found, state), answer)
        if not thing:
            return None
        thing = thing if isinstance(thing, dict) else {}
    found = fitting.outputs(thing)
    ours = {fitting.camel(api): key for key, api in kind.renamed.items()}
    found = {ours.get(key, key): value for key, value in found.items()}
    if kind.label:
        found.setdefault("arn", f"arn:aws:ec2:{cloud.region}:{ACCOUNT}:{kind.label}/{ident}")
    found["tagsAll"] = found.get("tags", inputs.get("tags", {}))
    believed = {
        k: v for k, v in inputs.items() if k in kind.believed or not _shown(v, found.get(k))
    }
    known = {**found, **believed}
    more = {"id": ident, **known, "thing": thing}
    known |= {name: jmespath.search(text, more) for name, text in kind.computed.items()}
    return {k: v for k, v in known.items() if k != "id" or k in inputs}


def _filled(text: str, state: State) -> str:
    """Return an expression with the resource's own words where it says `<word>`."""
    return re.sub(r"<(\w+)>", lambda word: str(state.get(word[1])), text)


def _shown(told: Any, shown: Any) -> bool:
    """Tell whether AWS shows an argument in the form in which it was given."""
    plain = (str, bool, int, float)
    if isinstance(told, dict):  # tags
        return isinstance(shown, dict)
    return isinstance(told, plain) and isinstance(shown, type(fitting.whole(told)))


def update(
    cloud: Cloud, kind: Kind, ident: str, state: State, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Change what differs and return the new state. Raises ClientError."""
    for name in changed(state, inputs):
        if name not in IGNORED | kind.ignored:
            setters(kind)[name](
                cloud, {**state, **inputs, "tags": state.get("tags"), "id": ident}, inputs.get(name)
            )
    return read(cloud, kind, ident, inputs) or {**inputs}


def changed(state: State, inputs: Mapping[str, Any]) -> list[str]:
    """Return the arguments that are not as they were."""
    gone_now = set(state.get("__given", ())) - set(inputs)
    differ = {k for k, v in inputs.items() if k not in state or state[k] != v}
    return sorted((gone_now | differ) - IGNORED)


def replaces(kind: Kind, names: list[str]) -> list[str]:
    """Return which of the changed arguments cannot be changed while the thing is there."""
    return [name for name in names if name not in {*setters(kind), *kind.ignored}]


def delete(cloud: Cloud, kind: Kind, ident: str, state: State) -> None:
    """Remove a thing; one that is gone already is fine. Raises ClientError."""
    known = {**state, "id": ident}
    try:
        if kind.first:
            kind.first(cloud, known)
        if kind.delete:
            cloud.run(kind.service, kind.delete, {}, kind.remove, known)
    except ClientError as error:
        if not gone(error):
            raise
