"""Find third-party programs: on PATH, in a mirror, at their publisher, or by building them.

`tools/manifest.toml` names them. What is not on PATH lands in a per-user cache, keyed by name and
version, and is found there from then on. `python -m ops.tools pulumi` prints the directory.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from ops.console import UserError

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tools" / "manifest.toml"
DOWNLOAD_TIMEOUT = 30  # seconds without a byte
BUILD_TIMEOUT = 1800
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Tell = Callable[[str], None]


class Unavailable(Exception):
    """One source does not give the program; `str()` says why."""


def cache() -> Path:
    """Return where tools of all checkouts of this user lie."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dash" / "tools"


def manifest(file: Path = MANIFEST) -> dict[str, dict[str, Any]]:
    """Return the programs of the manifest by name."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


def resolve(name: str, tell: Tell = lambda _line: None) -> Path:
    """Return the directory that holds a program's files, all of them.

    Args:
        name: of the program in the manifest.
        tell: is told what happens and how long it takes.

    Raises:
        UserError: none of the four sources gives it; names each and why.
    """
    spec = manifest()[name]
    kept = cache() / f"{name}-{spec['version']}"
    if _complete(kept, spec):
        return kept
    refused = []
    for title, source in (
        ("PATH", _from_path), ("mirror", _from_mirror), ("official download", _official),
        ("Go build", _build),
    ):
        try:
            found = source(name, spec, kept, tell)
        except Unavailable as why:
            refused.append(f"{title}: {why}")
        else:
            tell(f"{name} {spec['version']} from {title}")
            return found
    raise UserError(
        f"{name} {spec['version']} cannot be had ({'; '.join(refused)}). Next: put it on PATH, or "
        "set DASH_MIRROR to a directory with its archive and SHA256SUMS"
    )


def _complete(directory: Path, spec: dict[str, Any]) -> bool:
    return all((directory / file).is_file() for file in spec["files"])


def _arch() -> str:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        msg = f"there is none for {machine}"
        raise Unavailable(msg)
    return ARCHITECTURES[machine]


def _from_path(_name: str, spec: dict[str, Any], _kept: Path, _tell: Tell) -> Path:
    program = shutil.which(spec["files"][0])
    if program is None:
        msg = "not there"
        raise Unavailable(msg)
    directory = Path(program).resolve().parent
    if not _complete(directory, spec):
        lacking = [f for f in spec["files"] if not (directory / f).is_file()]
        msg = f"{program} comes without {', '.join(lacking)}"
        raise Unavailable(msg)
    words = spec["version_command"]
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False,
                          timeout=30)
    said = re.search(r"\d+\.\d+\.\d+\S*", done.stdout)
    try:
        version = Version(said.group(0)) if said else None
    except InvalidVersion:
        version = None
    if version is None or version not in SpecifierSet(spec["accepts"]):
        msg = f"{program} is {version or 'of an unknown version'}, {spec['accepts']} is accepted"
        raise Unavailable(msg)
    return directory


def _from_mirror(name: str, spec: dict[str, Any], kept: Path, tell: Tell) -> Path:
    mirror = os.environ.get("DASH_MIRROR")
    if not mirror:
        msg = "DASH_MIRROR is not set"
        raise Unavailable(msg)
    file = spec["mirror"].format(version=spec["version"], os="linux", arch=_arch())
    archive = Path(mirror) / file
    sums = Path(mirror) / "SHA256SUMS"
    if not archive.is_file() or not sums.is_file():
        msg = f"{mirror} has no {file if sums.is_file() else 'SHA256SUMS'}"
        raise Unavailable(msg)
    tell(f"unpack {name} {spec['version']} from the mirror")
    _verify(archive, sums.read_text(encoding="utf-8"), file)
    return _unpack(archive, spec, kept)


def _official(name: str, spec: dict[str, Any], kept: Path, tell: Tell) -> Path:
    if "official" not in spec:
        msg = "its publisher ships none"
        raise Unavailable(msg)
    arch = spec["official_arch"][_arch()]
    url = spec["official"].format(version=spec["version"], os="linux", official_arch=arch)
    tell(f"download {name} {spec['version']}, checked against the publisher's checksum file")
    with tempfile.TemporaryDirectory(prefix="dash-tool-") as directory:
        archive = Path(directory) / url.rpartition("/")[2]
        try:
            sums = _fetch(spec["official_sums"].format(version=spec["version"])).decode()
            archive.write_bytes(_fetch(url))
        except OSError as error:
            msg = f"{url}: {getattr(error, 'reason', None) or error}"
            raise Unavailable(msg) from None
        _verify(archive, sums, archive.name)
        return _unpack(archive, spec, kept)


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as answer:  # noqa: S310 -- https only, from the manifest
        body: bytes = answer.read()
    return body


def _verify(archive: Path, sums: str, name: str) -> None:
    """Hold an archive against its line in a checksum file."""
    wanted = {parts[1].lstrip("*"): parts[0] for line in sums.splitlines()
              if len(parts := line.split()) == 2}  # noqa: PLR2004 -- "digest  name"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if wanted.get(name) != digest:
        expected = (wanted.get(name) or "no checksum")[:12]
        msg = f"{name} has SHA-256 {digest[:12]}…, its checksum file says {expected}"
        raise Unavailable(msg)


def _unpack(archive: Path, spec: dict[str, Any], kept: Path) -> Path:
    """Take the program's files out of an archive, wherever they lie in it, all or none."""
    with _staging(kept) as staging:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if member.isfile() and name in spec["files"]:
                    member.name = name
                    tar.extract(member, staging, filter="data")
        return _keep(staging, spec, kept)


def _staging(kept: Path) -> tempfile.TemporaryDirectory[str]:
    kept.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent)


def _keep(staging: str, spec: dict[str, Any], kept: Path) -> Path:
    """Move a complete set into the cache; another process may have been quicker."""
    if not _complete(Path(staging), spec):
        msg = f"the archive lacks some of {', '.join(spec['files'])}"
        raise Unavailable(msg)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(staging, kept)
    return kept


def _build(name: str, spec: dict[str, Any], kept: Path, tell: Tell) -> Path:
    if shutil.which("go") is None:
        msg = "no go on PATH (1.26 or newer)"
        raise Unavailable(msg)
    tell(f"build {name} {spec['version']} with go: about {spec['build_seconds'] // 60 + 1} min")
    with _staging(kept) as staging:
        done = subprocess.run(
            ["sh", str(ROOT / "tools" / spec["build"]), spec["version"], staging],
            capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            msg = f"go failed: {lines[-1]}"
            raise Unavailable(msg)
        return _keep(staging, spec, kept)


def main() -> int:
    """Print the directory of the program named on the command line."""
    try:
        sys.stdout.write(f"{resolve(sys.argv[1], lambda x: print(x, file=sys.stderr))}\n")
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
