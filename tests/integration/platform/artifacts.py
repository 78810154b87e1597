"""Artifacts as docs/architecture.md describes them, and such as nobody should unpack."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """An archive, and what its manifest makes of it."""

    path: Path
    version: str
    digest: str


def _wheel(name: str, members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a wheel that pip installs."""
    info = f"{name}-1.0.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, *about, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for member, content in {**members, **about, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(member, content)
    return data.getvalue()


@cache
def _pip() -> tuple[str, bytes]:
    """Return a wheel of the pip that is installed here: nothing is fetched."""
    found = metadata.distribution("pip")
    members = {
        str(file): Path(str(found.locate_file(file))).read_bytes()
        for file in found.files or []
        if str(file).startswith("pip") and file.suffix != ".pyc"
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return f"pip-{found.version}-py3-none-any.whl", data.getvalue()


def artifact(
    directory: Path,
    members: Mapping[str, str] | None = None,
    *,
    wheels: bool = False,
    changed: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    manifest: str = "",
) -> Artifact:
    """Pack an artifact of version 0.1.0.

    Args:
        directory: where to.
        members: what the manifest promises; one module when not told.
        wheels: whether a wheel `greeting` and pip are in it.
        changed: members with other content than the manifest says.
        extra: members that the manifest does not name.
        missing: members that it names and that are not there.
        links: symbolic links by name.
        manifest: text of the manifest, when it is not what it should be.
    """
    content = {k: v.encode() for k, v in (members or {"app/__init__.py": "VERSION = 1\n"}).items()}
    if wheels:
        name, data = _pip()
        greeting = _wheel("greeting", {"greeting.py": b"WORD = 'hello'\n"})
        content |= {f"wheels/{name}": data, "wheels/greeting-1.0-py3-none-any.whl": greeting}
    document: dict[str, Any] = {
        "format": 1,
        "name": "dash",
        "version": "0.1.0",
        "files": {k: hashlib.sha256(v).hexdigest() for k, v in content.items()},
    }
    text = (manifest or json.dumps(document, sort_keys=True, separators=(",", ":"))) + "\n"
    content |= {k: v.encode() for k, v in {**(changed or {}), **(extra or {})}.items()}
    packed = {k: v for k, v in content.items() if k not in missing}
    digest = hashlib.sha256(text.encode()).hexdigest()
    path = directory / f"dash-0.1.0-{digest[:12]}.tar.zst"
    _pack(path, {"manifest.json": text.encode(), **dict(sorted(packed.items()))}, links or {})
    return Artifact(path, "0.1.0", digest)


def _pack(path: Path, members: Mapping[str, bytes], links: Mapping[str, str]) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    subprocess.run(
        ["zstd", "--quiet", "--force", "-o", str(path)], input=data.getvalue(), check=True
    )
