"""Where a third-party program can come from, once it is not on PATH.

Each source puts the program's files, all or none, into the cache, or says why it cannot.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from ops.console import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

Tell = Callable[[str], None]
CHUNK = 1 << 20  # bytes
SILENCE = 30  # seconds without a byte from a server
BUILD_TIMEOUT = 3600
SUMS = "SHA256SUMS"
MEGABYTE = 1_000_000


class Unavailable(Exception):
    """One source does not give the program; `str()` says why."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a source is asked for, and the cache that it goes into."""

    name: str
    version: str
    arch: str
    files: tuple[str, ...]
    cache: Path
    tree: bool = False

    def fill(self, template: str, arch: str = "") -> str:
        """Return a name or an address with the version and the architecture in it."""
        return template.format(version=self.version, arch=arch or self.arch)


def from_mirror(wanted: Wanted, template: str, mirror: str, tell: Tell) -> Path:
    """Unpack the archive of a mirror directory, held against its SHA256SUMS.

    Raises:
        Unavailable: there is no mirror, no such archive, it is not what its checksum says, or the
            manifest names none.
    """
    if not mirror:
        raise Unavailable("DASH_MIRROR is not set")
    if not template:
        raise Unavailable("no mirror has it")
    name = wanted.fill(template)
    archive, sums = Path(mirror) / name, Path(mirror) / SUMS
    for file in (sums, archive):
        if not file.is_file():
            raise Unavailable(f"{mirror} has no {file.name}")
    tell(f"unpack {wanted.name} {wanted.version} from the mirror: about 5 s")
    expected = checksum(sums.read_text(encoding="utf-8", errors="replace"), name)
    verify(archive, expected)
    return unpack(archive, wanted, expected)


def download(wanted: Wanted, official: dict[str, Any], tell: Tell) -> Path:
    """Fetch the publisher's archive, held against a pinned checksum or the publisher's own list.

    Raises:
        Unavailable: there is none for this machine, the network says no, or the checksum does.
    """
    arch = official.get("arches", {}).get(wanted.arch)
    if not arch:
        raise Unavailable(f"the publisher has none for {wanted.arch}")
    url = wanted.fill(official["archive"], arch)
    pinned = official.get("sha256", {}).get(wanted.arch, "")
    trust = "a pinned checksum" if pinned else "the checksum file beside it (none is pinned)"
    size = official["megabytes"]
    tell(f"download {wanted.name} {wanted.version}, about {size} MB, held against {trust}")
    with tempfile.TemporaryDirectory(prefix="dash-tool-") as directory:
        archive = Path(directory) / url.rpartition("/")[2]
        try:
            if not pinned:
                sums = b"".join(_fetch(wanted.fill(official["checksums"], arch))).decode()
                pinned = checksum(sums, archive.name)
            _save(url, archive, tell)
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{url}: {getattr(error, 'reason', None) or error}") from None
        verify(archive, pinned)
        return unpack(archive, wanted, pinned)


def _fetch(url: str) -> Iterator[bytes]:
    with urllib.request.urlopen(url, timeout=SILENCE) as answer:  # noqa: S310 -- the manifest says https
        while chunk := answer.read(CHUNK):
            yield chunk


def _save(url: str, file: Path, tell: Tell) -> None:
    """Write what a server sends to a file; say every two seconds how much it is."""
    have, said = 0, time.monotonic()
    with file.open("wb") as out:
        for chunk in _fetch(url):
            have += out.write(chunk)
            if time.monotonic() - said > 2:  # noqa: PLR2004 -- seconds
                said = time.monotonic()
                tell(f"download {file.name}: {have // MEGABYTE} MB so far")


def checksum(sums: str, name: str) -> str:
    """Return a file's SHA-256 from a checksum list, or from a file that holds nothing else.

    Raises:
        Unavailable: it is not in there.
    """
    if re.fullmatch(r"[0-9a-fA-F]{64}", sums.strip()):
        return sums.strip().lower()
    for line in sums.splitlines():
        digest, _, file = line.strip().partition(" ")
        if file.lstrip(" *") == name and re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            return digest.lower()
    raise Unavailable(f"the checksum file does not name {name}")


def verify(archive: Path, expected: str) -> None:
    """Hold a file against its SHA-256. Raises Unavailable: it is another one."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise Unavailable(
            f"{archive.name} is corrupt or another file: its SHA-256 is {digest[:12]}…, expected "
            f"{expected[:12]}…"
        )


def unpack(archive: Path, wanted: Wanted, key: str) -> Path:
    """Take the program's files out of an archive, wherever they lie in it, into the cache.

    Of a program that needs its whole tree, all that lies below the archive's top folder.
    """
    with _staging(wanted) as staging:
        try:
            take = _unzip if zipfile.is_zipfile(archive) else _untar
            take(archive, wanted, Path(staging))
        except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
            why = str(error).splitlines()[0]
            raise Unavailable(f"{archive.name} cannot be unpacked: {why}") from None
        return keep(Path(staging), wanted, key)


def _untar(archive: Path, wanted: Wanted, staging: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            name = str(PurePosixPath(*path.parts[1:])) if wanted.tree else path.name
            if member.isfile() and (wanted.tree or name in wanted.files):
                member.name = name
                tar.extract(member, staging, filter="data")


def _unzip(archive: Path, wanted: Wanted, staging: Path) -> None:
    """Take programs alone: publishers that zip one name it after its platform."""
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            name = PurePosixPath(member.filename).name.removesuffix(f"-linux-{wanted.arch}")
            if name in wanted.files:
                with packed.open(member) as source, (staging / name).open("wb") as out:
                    shutil.copyfileobj(source, out)


def _staging(wanted: Wanted) -> tempfile.TemporaryDirectory[str]:
    wanted.cache.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(
        prefix=f".{wanted.name}-", dir=wanted.cache, ignore_cleanup_errors=True
    )


def sweep(name: str, cache: Path) -> None:
    """Remove what a process that was killed had begun. For whoever holds the program's lock."""
    for left in cache.glob(f".{name}-*"):
        shutil.rmtree(left, ignore_errors=True)


def keep(staging: Path, wanted: Wanted, key: str) -> Path:
    """Move a whole set into the cache in one step, so that no half of it is ever found there.

    Raises:
        Unavailable: a file is missing.
    """
    lacking = [name for name in wanted.files if not (staging / name).is_file()]
    if lacking:
        raise Unavailable(f"it lacks {', '.join(lacking)}")
    for name in wanted.files:
        (staging / name).chmod(0o755)
    staging.chmod(0o755)
    kept = wanted.cache / f"{wanted.name}-{wanted.version}-{key[:12]}"
    shutil.rmtree(kept, ignore_errors=True)  # not whole, or it would have been found
    staging.rename(kept)
    return kept


def build(wanted: Wanted, recipe: dict[str, Any], recipes: Path, tell: Tell) -> Path:
    """Build the program from Go modules with the machine's own Go.

    Args:
        wanted: what to build.
        recipe: script, go (the oldest version that will do), seconds, memory_gib.
        recipes: the folder of the scripts; each takes a version and a directory to fill.
        tell: is told how long it takes.

    Raises:
        Unavailable: there is no such Go, or the build failed; says where its output is.
    """
    if not recipe:
        raise Unavailable("there is no recipe")
    _check_go(recipe["go"])
    script = recipes / recipe["script"]
    log = wanted.cache / f"{wanted.name}-{wanted.version}.build.log"
    usual = f"about {seconds(recipe['seconds'])} and {recipe['memory_gib']} GiB of memory"
    tell(f"build {wanted.name} {wanted.version} from Go modules: {usual}")
    start = time.monotonic()
    with _staging(wanted) as staging, log.open("wb") as out:
        try:
            code = _run(["nice", "sh", str(script), wanted.version, staging], out)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"not built within {seconds(BUILD_TIMEOUT)} (see {log})") from None
        if code:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Unavailable(f"{lines[-1] if lines else 'it failed'} (all of it: {log})")
        tell(f"built {wanted.name} in {seconds(time.monotonic() - start)}")
        key = hashlib.sha256(script.read_bytes() + wanted.version.encode()).hexdigest()
        return keep(Path(staging), wanted, key)


def _run(argv: list[str], out: IO[bytes]) -> int:
    """Return a build's exit code; what ends us before its end, ends its compilers too."""
    with subprocess.Popen(
        argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, process_group=0
    ) as running:
        try:
            return running.wait(BUILD_TIMEOUT)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise


def _check_go(oldest: str) -> None:
    """Look for Go, also where its installer puts it. Raises Unavailable: it is not there or old."""
    program = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if program is None:
        raise Unavailable(f"no go (needs {oldest} or newer)")
    done = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, check=False, timeout=30
    )
    seen = re.match(r"go(\d+)\.(\d+)", done.stdout)
    if seen is None or (int(seen[1]), int(seen[2])) < tuple(int(x) for x in oldest.split(".")):
        raise Unavailable(f"{program} is {done.stdout.strip() or 'broken'}, {oldest} is needed")
