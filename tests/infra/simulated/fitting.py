"""From the arguments of a Pulumi resource to those of an AWS call, and back, by rule.

AWS describes its calls in machine-readable models, which botocore ships. Pulumi's schema has the
same words in camelCase. So `cidrBlock: 10.0.0.0/16` fits the member `CidrBlock` of `CreateVpc`, and
what fits no member is for the caller to know about: nothing is left out in silence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from botocore.model import Shape

LABELS = (("Key", "Value"), ("TagKey", "TagValue"), ("Name", "Value"))


def member(shape: Shape, name: str) -> str:
    """Return the member of a structure that an argument is about, empty when there is none."""
    wanted = name.lower()
    return next((found for found in shape.members if found.lower() == wanted), "")


def fit(shape: Shape, value: Any) -> Any:
    """Return a value in the form that a call wants it.

    Raises:
        KeyError: part of a structure fits no member of it; names the part and the structure.
    """
    if shape.type_name == "structure":
        return _structure(shape, value[0] if isinstance(value, list) else value)
    if shape.type_name == "list":
        return _list(shape, value)
    if shape.type_name == "map":
        return {key: fit(shape.value, each) for key, each in value.items()}
    return _scalar(shape.type_name, value)


def _structure(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    fitted = {}
    for key, each in value.items():
        name = member(shape, key)
        if not name:
            raise KeyError(f"{key} is no part of {shape.name}: {', '.join(shape.members)}")
        fitted[name] = fit(shape.members[name], each)
    return fitted


def _list(shape: Shape, value: Any) -> list[Any]:
    if isinstance(value, dict):
        labels = _labels(shape.member)
        if labels:
            return [dict(zip(labels, pair, strict=True)) for pair in value.items()]
    return [fit(shape.member, each) for each in (value if isinstance(value, list) else [value])]


def _labels(shape: Shape) -> tuple[str, str] | None:
    """Return what a list of tags calls its two parts, None when it holds something else."""
    names = getattr(shape, "members", {})
    return next((pair for pair in LABELS if set(pair) == set(names)), None)


def _scalar(kind: str, value: Any) -> Any:
    if kind in ("integer", "long"):
        return int(value)
    if kind == "string":
        if isinstance(value, bool):
            return str(value).lower()
        return value if isinstance(value, str) else json.dumps(whole(value))
    return value


def whole(value: Any) -> Any:
    """Return a number without a fraction as an integer: Pulumi has but one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def outputs(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS says of a thing under Pulumi's names: plain values and tags.

    No lists: Pulumi often has another type under the name, and its SDK ends the program for it.
    """
    found: dict[str, Any] = {}
    for name, value in described.items():
        if name in ("Tags", "TagSet", "TagList"):
            found["tags"] = labelled(value)
        elif isinstance(value, str | bool | int | float):
            found[camel(name)] = value
    return found


def labelled(tags: Iterable[Mapping[str, str]] | Mapping[str, str]) -> dict[str, str]:
    """Return tags as a mapping, in whichever form a service lists them."""
    if isinstance(tags, dict):
        return dict(tags)
    known = {
        tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in tags
    }
    return {str(key): str(value) for key, value in known.items()}


def camel(name: str) -> str:
    """Return a name of AWS as Pulumi writes it: `VpcId` is `vpcId`, `DNSName` is `dnsName`."""
    capitals = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    head = max(1, capitals - 1) if capitals < len(name) else capitals
    return name[:head].lower() + name[head:]
