"""What a resource type is to the simulation: which calls make, show and remove one.

A `Kind` is a row of a table. Expressions are JMESPath, as the AWS command line's `--query`: `ident`
and `found` over the answer of a call, the others over the resource's state, which has its `id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.infra.simulated.cloud import Cloud

State = Mapping[str, Any]
# Sets one argument of a thing that is there: cloud, state, value.
Setter = Callable[[Cloud, State, Any], None]
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A resource type.

    Args:
        service: whose client makes the calls.
        create: the call that makes one.
        ident: what Pulumi calls its id, in the answer (`in` there are the arguments).
        read: the call that shows one; without, it is there for as long as Pulumi says so.
        show: arguments of that call.
        found: the thing in the answer, null when it is gone; `<id>` there is the resource's own.
        delete: the call that removes one; without, it goes with what it belongs to.
        remove: arguments of that call.
        renamed: arguments of Pulumi that AWS calls differently.
        given: arguments that are always the same.
        label: what EC2 calls the type in tags.
        named: the argument that gets the resource's name and some digits when it is not given.
        computed: outputs that need more than another spelling, over state and thing.
        setters: arguments that no creating call takes, or that can be changed later.
        ignored: arguments that change nothing in a simulation.
        believed: arguments that AWS shows in a spelling of its own.
        first: runs before the removal.
        make: makes one instead of `create`, returns the id.
    """

    service: str
    create: str = ""
    ident: str = ""
    read: str = ""
    show: Mapping[str, str] = field(default_factory=dict)
    found: str = "@"
    delete: str = ""
    remove: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    named: str = ""
    computed: Mapping[str, str] = field(default_factory=dict)
    setters: Mapping[str, Setter] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    believed: frozenset[str] = frozenset()
    first: Callable[[Cloud, State], None] | None = None
    make: Callable[[Cloud, Mapping[str, Any]], str] | None = None


def setting(service: str, call: str, argument: str, **words: str) -> Setter:
    """Return a setter that is one call.

    Args:
        service: whose client makes it.
        call: its name.
        argument: the argument that gets the value, dotted when it lies deeper.
        words: the other arguments, as expressions over the state.
    """

    def run(cloud: Cloud, state: State, value: Any) -> None:
        outer, _, inner = argument.partition(".")
        cloud.run(service, call, {outer: {inner: value} if inner else value}, words, state)

    return run


def each(service: str, add: str, take: str, argument: str, **words: str) -> Setter:
    """Return a setter of tags: adds what is wanted, takes away what is not any more.

    Args:
        service: whose client makes the calls.
        add: the call that adds tags.
        take: the call that removes tags.
        argument: of the removal, which gets the keys.
        words: the other arguments of both, as expressions over the state.
    """

    def run(cloud: Cloud, state: State, value: Any) -> None:
        gone = sorted(set(state.get("tags") or {}) - set(value or {}))
        if value:
            cloud.run(service, add, {"tags": value}, words, state)
        if gone:
            cloud.run(service, take, {argument: gone}, words, state)

    return run


def ignore(_cloud: Cloud, _state: State, _value: Any) -> None:
    """Set what makes no difference in a simulation."""
