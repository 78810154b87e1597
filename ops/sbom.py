"""What a release is made of, as CycloneDX 1.6: read from the wheels, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import uuid
import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ops.version import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message
    from pathlib import Path

Document = dict[str, Any]


def describe(name: str, version: str, wheels: Sequence[Path], markers: dict[str, str]) -> Document:
    """Return the bill of materials of a release.

    Args:
        name: the product.
        version: its version.
        wheels: what it brings along.
        markers: environment of the hosts, for dependencies that hold only somewhere.

    Raises:
        BuildError: when a wheel has no readable metadata.
    """
    read = [(path, _metadata(path)) for path in wheels]
    refs = {_name(meta): _purl(meta) for _, meta in read}
    root = f"pkg:generic/{name}@{version}"
    document: Document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": name,
                "version": version,
            }
        },
        "components": sorted(
            (_component(path, meta) for path, meta in read), key=lambda found: str(found["bom-ref"])
        ),
        "dependencies": [
            {"ref": root, "dependsOn": sorted(refs.values())},
            *sorted(
                ({"ref": _purl(m), "dependsOn": _depends(m, refs, markers)} for _, m in read),
                key=lambda found: str(found["ref"]),
            ),
        ],
    }
    # The standard asks for a unique serial number; from the content, it is also a stable one
    content = json.dumps(document, sort_keys=True).encode()
    serial = uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=5)
    return {**document, "serialNumber": serial.urn}


def _metadata(wheel: Path) -> Message:
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
            top = min(inside, key=lambda n: n.count("/"))
            return HeaderParser().parsestr(archive.read(top).decode("utf-8"))
    except (zipfile.BadZipFile, ValueError) as error:
        raise BuildError(f"{wheel} is not a wheel that can be read: {error}") from None


def _name(meta: Message) -> str:
    return canonicalize_name(str(meta["Name"]))


def _purl(meta: Message) -> str:
    return f"pkg:pypi/{_name(meta)}@{meta['Version']}"


def _component(wheel: Path, meta: Message) -> Document:
    component: Document = {
        "type": "library",
        "bom-ref": _purl(meta),
        "name": str(meta["Name"]),
        "version": str(meta["Version"]),
        "purl": _purl(meta),
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
    }
    if licenses := _licenses(meta):
        component["licenses"] = licenses
    return component


def _licenses(meta: Message) -> list[Document]:
    """Return the license as the wheel states it: an SPDX expression, else its short name."""
    if expression := meta["License-Expression"]:
        return [{"expression": str(expression)}]
    trove = [
        str(x).rpartition(" :: ")[2]
        for x in meta.get_all("Classifier", [])
        if str(x).startswith("License :: ")
    ]
    named = trove or str(meta["License"] or "").strip().splitlines()[:1]
    return [{"license": {"name": name}} for name in sorted(set(named)) if name]


def _depends(meta: Message, refs: dict[str, str], markers: dict[str, str]) -> list[str]:
    found = set()
    for line in meta.get_all("Requires-Dist", []):
        try:
            requirement = Requirement(str(line))
        except InvalidRequirement:
            continue  # a bill of materials is no place to refuse a wheel that pip takes
        name = canonicalize_name(requirement.name)
        if name in refs and (requirement.marker is None or requirement.marker.evaluate(markers)):
            found.add(refs[name])
    return sorted(found)
