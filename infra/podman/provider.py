"""Pulumi resources over podman. The provider classes are pickled into the state, so they are small:
what they do lies in `hosts.py` and is imported when it is needed."""

from __future__ import annotations

from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

RUNNING = "running"


class NetworkProvider(ResourceProvider):
    """A podman network."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        return CreateResult(hosts.create_network(props), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at it; an empty id says that it is gone."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        seen = hosts.read_network(id_, props)
        return ReadResult(id_ if seen else "", seen or {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another subnet or name is another network."""
        keys = [k for k in ("name", "subnet", "checkout") if olds.get(k) != news.get(k)]
        return DiffResult(changes=bool(keys), replaces=keys, delete_before_replace=True)

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Remove it."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        hosts.delete_network(id_)


class HostProvider(ResourceProvider):
    """A host: a container that boots systemd."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it and boot it."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        return CreateResult(hosts.create_host(props), {**props, "state": RUNNING})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at it; an empty id says that it is gone."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        seen = hosts.read_host(id_, props)
        return ReadResult(id_ if seen else "", seen or {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A stopped host is started again; whatever else differs needs another container."""
        keys = [k for k in news if not k.startswith("__") and k != "state"
                and olds.get(k) != news.get(k)]
        stopped = olds.get("state") != RUNNING
        return DiffResult(changes=bool(keys) or stopped, replaces=keys, delete_before_replace=True)

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Start it again: its data are kept."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        hosts.start_host(id_)
        return UpdateResult({**news, "state": RUNNING})

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Remove it."""
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        hosts.delete_host(id_)


class Network(Resource):
    """The stack's network. Takes name, subnet (CIDR) and checkout (id of the owner)."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions) -> None:
        super().__init__(NetworkProvider(), name, props, opts)


class Host(Resource):
    """One host. Takes what `hosts.create_host` reads; `state` is "running" when all is well."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions) -> None:
        super().__init__(HostProvider(), name, {**props, "state": RUNNING}, opts)
