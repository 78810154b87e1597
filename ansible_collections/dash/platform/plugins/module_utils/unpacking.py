"""From an artifact to a release: unpack, hold every byte against the manifest, install offline."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from typing import IO, TYPE_CHECKING, Any, cast

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, last_line

if TYPE_CHECKING:
    from pathlib import Path

INSTALL_TIMEOUT = 300  # seconds
UMASK = 0o022  # the service's user reads what root installs
MANIFEST = "manifest.json"
PADDING = 65536  # bytes at a time
PIP_OPTIONS = (
    "--no-index",
    "--no-deps",
    "--no-compile",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--no-warn-script-location",
    "--root-user-action=ignore",
    "--quiet",
)


class ReleaseError(Fault):
    """A release cannot be had; `str()` is one line."""


def unpack(artifact: Path, directory: Path) -> None:
    """Unpack a tar.zst of plain files. Raises ReleaseError; the caller removes the directory."""
    if not artifact.is_file():
        raise ReleaseError(f"{artifact} is not on this host. Next: ./dash deploy")
    cure = f"{artifact.name} is corrupt or cut off. Next: remove it here and ./dash deploy again"
    words = ["zstd", "--decompress", "--stdout", "--quiet", str(artifact)]
    try:
        zstd = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ReleaseError("zstd is not installed on this host. Next: ./dash configure") from None
    with zstd:
        try:
            _extract_all(cast("IO[bytes]", zstd.stdout), directory)
        except (tarfile.TarError, EOFError, ValueError):
            raise ReleaseError(cure) from None
    if zstd.returncode:
        raise ReleaseError(cure)


def _extract_all(stream: IO[bytes], directory: Path) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            _extract(tar, member, directory)
    # A tar ends before its padding does, and a zstd that cannot write the rest calls it a failure.
    while stream.read(PADDING):
        pass


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    if not (member.isfile() or member.isdir()):
        raise ReleaseError(f"the artifact holds {member.name!r}, which is no plain file: refused")
    try:
        tar.extract(member, directory, filter="data")
    except tarfile.FilterError:
        raise ReleaseError(
            f"the artifact holds {member.name!r}, which lies outside of it: refused"
        ) from None
    except OSError as error:
        raise ReleaseError(f"{member.name} cannot be unpacked: {error.strerror or error}") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest. Raises ReleaseError when it is not one."""
    try:
        found = json.loads((directory / MANIFEST).read_bytes())
        return {"version": str(found["version"]), "files": dict(found["files"])}
    except (ValueError, LookupError, TypeError):
        raise ReleaseError("the artifact's manifest cannot be read") from None


def verify(directory: Path, version: str, digest: str) -> None:
    """Hold every byte against the manifest, and the manifest against the digest.

    Raises ReleaseError with the first file that differs.
    """
    file = directory / MANIFEST
    seen = _sha256(file) if file.is_file() else "none"
    if seen != digest:
        raise ReleaseError(f"the artifact has digest {seen[:12]}, {digest[:12]} was expected")
    manifest = _manifest(directory)
    if manifest["version"] != version:
        raise ReleaseError(f"the artifact is of version {manifest['version']}, not {version}")
    present = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
    wanted = manifest["files"]
    odd = sorted((present - {MANIFEST}) ^ set(wanted))
    if odd:
        raise ReleaseError(f"the artifact and its manifest disagree about {odd[0]}")
    for name, expected in sorted(wanted.items()):
        if _sha256(directory / name) != expected:
            raise ReleaseError(f"{name} in the artifact was changed")


def install(directory: Path) -> None:
    """Make the release's own virtual environment from its verified wheels, without a network.

    Raises ReleaseError.
    """
    venv = directory / "venv"
    python = str(venv / "bin/python")
    wheels = sorted((directory / "wheels").glob("*.whl"))
    pip = next((w for w in wheels if w.name.startswith("pip-")), None)
    if pip is None:
        raise ReleaseError("the artifact has no wheel of pip: the release cannot be installed")
    rest = [str(w) for w in wheels if w != pip]
    _run(["python3", "-m", "venv", "--without-pip", str(venv)])
    if rest:
        _run([python, f"{pip}/pip", "install", *PIP_OPTIONS, *rest])
    _run([python, "-m", "compileall", "-q", str(directory / "app")])
    # Some packages ship files that are not for this Python; they fail when they are imported.
    _run([python, "-m", "compileall", "-q", "-j", "0", str(venv / "lib")], strict=False)


def _run(words: list[str], *, strict: bool = True) -> None:
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            umask=UMASK,
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"installing the release took over {INSTALL_TIMEOUT} s") from None
    if done.returncode and strict:
        why = last_line(done.stdout, done.stderr) or f"it ended with {done.returncode}"
        raise ReleaseError(f"installing the release failed: {why}")
