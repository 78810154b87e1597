"""The artifact's container: a tar of fixed order, times, owners and modes inside zstandard.

The manifest comes first and names the SHA-256 of every other member, so that a reader can check
each byte as it arrives; the digest of a release is the SHA-256 of the manifest.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import zstandard

from ops.version import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
MANIFEST = "manifest.json"
MODE = 0o644
LEVEL = 9  # wheels are compressed already: more costs seconds and saves nothing
MANIFEST_LIMIT = 16 * 1024 * 1024  # bytes; a manifest is some tens of kilobytes
_CHUNK = 1024 * 1024
_NAME = re.compile(r"dash-(?P<version>.+)-(?P<digest>[0-9a-f]{12})\.tar\.zst")
_SAFE_MEMBER = re.compile(r"(app|wheels)(/[A-Za-z0-9_+][A-Za-z0-9._+!-]*)+")

Manifest = dict[str, Any]


def canonical(manifest: Manifest) -> bytes:
    """Return a manifest in the one form whose hash is the digest."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def digest_of(manifest: bytes) -> str:
    """Return the digest of a release, from the bytes of its manifest."""
    return hashlib.sha256(manifest).hexdigest()


def file_name(version: str, digest: str) -> str:
    """Return the file name of an artifact."""
    return f"dash-{version}-{digest[:12]}.tar.zst"


def parse_name(name: str) -> tuple[str, str] | None:
    """Return version and first digits of the digest of an artifact's file name, if it is one."""
    match = _NAME.fullmatch(name)
    return (match["version"], match["digest"]) if match else None


def check_member(name: str) -> None:
    """Refuse a member name that a host would not unpack.

    Raises:
        BuildError: with the name.
    """
    if not _SAFE_MEMBER.fullmatch(name):
        raise BuildError(
            f"{name!r} cannot be in a release: use letters, digits and . _ + - in file names"
        )


def pack(manifest: bytes, members: Mapping[str, Path], target: Path) -> None:
    """Write an artifact; it appears under its name only when it is whole.

    Args:
        manifest: canonical bytes.
        members: name in the archive → file to take.
        target: where to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".building-", delete=False) as out:
        temporary = Path(out.name)
        try:
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
            with (
                compressor.stream_writer(out, closefd=False) as stream,
                tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                _add(archive, MANIFEST, manifest)
                for name in sorted(members):
                    _add(archive, name, members[name].read_bytes())
            temporary.chmod(MODE)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)  # times, owners and mode are what it sets: 0, 0 and 0644
    info.mode = MODE
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def verify(path: Path) -> tuple[Manifest, str]:
    """Read a whole artifact and return its manifest and digest.

    Raises:
        BuildError: when a byte is not what the manifest says, or the file is no artifact.
    """
    named = parse_name(path.name)
    if named is None:
        raise BuildError(f"{path} is not named dash-<version>-<digest>.tar.zst")
    try:
        with path.open("rb") as raw:
            manifest, digest = _read(raw)
    except FileNotFoundError:
        raise BuildError(f"{path} does not exist") from None
    except (zstandard.ZstdError, tarfile.TarError, EOFError, OSError) as error:
        raise BuildError(f"{path} is damaged or cut short: {error}") from None
    except BuildError as error:
        raise BuildError(f"{path}: {error}") from None
    if named != (manifest["version"], digest[:12]):
        raise BuildError(
            f"{path} holds version {manifest['version']} with digest {digest[:12]}, not its name's"
        )
    return manifest, digest


class _Frame(io.BufferedIOBase):
    """The bytes inside one zstandard frame, as a file that can be read forwards.

    The library's own reader takes a frame that was cut short for one that ended.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self._raw = raw
        self._inside = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes (a chunk without one), fewer only at the end."""
        size = _CHUNK if size is None or size < 0 else size
        while len(self._ready) < size and not self._inside.eof:
            if not (chunk := self._raw.read(_CHUNK)):
                raise EOFError("the file ends too early")
            self._ready += self._inside.decompress(chunk)
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def finish(self) -> None:
        """Read to the end, where the frame's own checksum is; nothing may follow it."""
        while self.read():
            pass
        if self._inside.unused_data or self._raw.read(1):
            raise EOFError("something follows its end")


def _read(raw: IO[bytes]) -> tuple[Manifest, str]:
    frame = _Frame(raw)
    with tarfile.open(fileobj=frame, mode="r|") as archive:
        manifest, digest = _read_manifest(archive)
        left = dict(manifest["files"])
        while (member := archive.next()) is not None:
            if left.pop(member.name, None) is None or not member.isreg():
                raise BuildError(
                    f"member {member.name!r} is not in the manifest, comes twice or is no file"
                )
            if _hash(archive.extractfile(member)) != manifest["files"][member.name]:
                raise BuildError(f"member {member.name!r} has other bytes than the manifest says")
    if left:
        raise BuildError(f"member {min(left)!r} is missing")
    frame.finish()
    return manifest, digest


def _read_manifest(archive: tarfile.TarFile) -> tuple[Manifest, str]:
    first = archive.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > MANIFEST_LIMIT:
        raise BuildError(f"its first member is not {MANIFEST}")
    content = archive.extractfile(first)
    raw = content.read() if content else b""
    try:
        manifest = json.loads(raw)
        whole = (
            canonical(manifest) == raw
            and manifest["format"] == FORMAT
            and isinstance(manifest["version"], str)
            and all(isinstance(v, str) for v in manifest["files"].values())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise BuildError(f"its {MANIFEST} is not of format {FORMAT}")
    for name in manifest["files"]:
        check_member(name)
    return manifest, digest_of(raw)


def _hash(content: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while content is not None and (chunk := content.read(_CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()
