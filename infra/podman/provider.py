"""Pulumi resources over podman.

The provider classes are pickled into the state, so they are small: what they do lies in `hosts.py`
and `image.py` and is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

if TYPE_CHECKING:
    from pulumi import Input, Output, ResourceOptions

RUNNING = "running"
KEYS = ("public_key", "host_key")


class ImageProvider(ResourceProvider):
    """The host image, which all labs of a machine share."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it unless another lab did."""
        from infra.podman import image, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            return CreateResult(image.ensure(), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at it; an empty id says that it is gone."""
        from infra.podman import image, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            return ReadResult(id_ if image.exists(id_) else "", props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another recipe is another image."""
        changed = olds.get("name") != news.get("name")
        return DiffResult(changes=changed, replaces=["name"] if changed else [])

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Leave it: another lab may use it, and the next `up` will (`./dash down --purge`)."""


class NetworkProvider(ResourceProvider):
    """A podman network."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            return CreateResult(hosts.create_network(props), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at it; an empty id says that it is gone."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            seen = hosts.read_network(id_, props)
            return ReadResult(id_ if seen else "", seen or {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another subnet or name is another network."""
        keys = [k for k in ("name", "subnet", "checkout") if olds.get(k) != news.get(k)]
        return DiffResult(changes=bool(keys), replaces=keys, delete_before_replace=True)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Remove it."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            hosts.delete_network(id_, props)


class HostProvider(ResourceProvider):
    """A host: a container that boots systemd."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it and boot it."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            return CreateResult(hosts.create_host(props), {**props, "state": RUNNING})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at it; an empty id says that it is gone."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            seen = hosts.read_host(id_, props)
            return ReadResult(id_ if seen else "", seen or {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Tell what is due: a new container, or the same one started or given other keys.

        A newer image is for newer hosts: replacing a host takes its data along.
        """
        from infra.podman import hosts  # noqa: PLC0415 -- see the module's docstring

        keys = [k for k in hosts.SPEC if olds.get(k) != news.get(k)]
        mend = olds.get("state") != RUNNING or any(olds.get(k) != news.get(k) for k in KEYS)
        return DiffResult(changes=bool(keys) or mend, replaces=keys, delete_before_replace=True)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Start it again, or give it other keys: its data are kept."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            hosts.update_host(id_, olds, news)
            return UpdateResult({**news, "image": olds["image"], "state": RUNNING})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Remove it."""
        from infra.podman import hosts, runtime  # noqa: PLC0415 -- see the module's docstring

        with runtime.one_line():
            hosts.delete_host(id_, props)


class Image(Resource):
    """The host image. Takes its name, whose tag is a digest of the recipe."""

    name: Output[str]

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions) -> None:
        super().__init__(ImageProvider(), name, props, opts)


class Network(Resource):
    """The stack's network. Takes name, subnet (CIDR), checkout (id of the owner), root, stack."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions) -> None:
        super().__init__(NetworkProvider(), name, props, opts)


class Host(Resource):
    """One host. Takes what `hosts.create_host` reads; `state` is "running" when all is well."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions) -> None:
        super().__init__(HostProvider(), name, {**props, "state": RUNNING}, opts)
