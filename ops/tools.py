"""Find third-party programs: on PATH, in a mirror, at their publisher, or by building them.

`tools/manifest.toml` names them. What is not on PATH lands in a per-user cache, keyed by name,
version and checksum, and is found there from then on. `python -m ops.tools pulumi` prints the
directory.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from ops import tools_sources as sources
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Tell = sources.Tell
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tools" / "manifest.toml"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program of the manifest.

    Args:
        name: what it is called there.
        version: the one that the mirror, the publisher and the build give.
        accepts: versions that may be taken from PATH, as a specifier (`>=3.259,<4`).
        files: all that must lie in one folder; the first is the program.
        tree: the folder is kept as the archive has it, and files are paths below its top.
        version_command: arguments that make it print its version.
        mirror: name of the archive in a mirror.
        official: archive, checksums, arches, megabytes at the publisher's.
        build: script, go, seconds, memory_gib.
    """

    name: str
    version: str
    accepts: str
    files: list[str]
    version_command: list[str]
    mirror: str = ""
    tree: bool = False
    official: dict[str, Any] = field(default_factory=dict)
    build: dict[str, Any] = field(default_factory=dict)

    def complete(self, directory: Path) -> bool:
        """Tell whether a directory holds all of the program's files."""
        return all(os.access(directory / name, os.X_OK) for name in self.files)


def cache() -> Path:
    """Return where tools of all checkouts of this user lie."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dash" / "tools"


def manifest(file: Path = MANIFEST) -> dict[str, Tool]:
    """Return the programs of the manifest by name.

    Raises:
        UserError: it cannot be read; names the file and the fault.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        return {name: Tool(name=name, **entry) for name, entry in document.items()}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file} cannot be read: {error}. Next: git checkout {file}") from None


def resolve(name: str, tell: Tell = lambda _line: None, *, file: Path = MANIFEST) -> Path:
    """Return the directory that holds a program's files, all of them.

    Args:
        name: of the program in the manifest.
        tell: is told what happens and how long it takes.
        file: the manifest.

    Raises:
        UserError: none of the four sources gives it; names each and why.
    """
    known = manifest(file)
    if name not in known:
        raise UserError(f"there is no tool {name!r}: known are {', '.join(sorted(known))}")
    tool = known[name]
    refused: list[str] = []
    try:
        return on_path(tool)
    except sources.Unavailable as why:
        refused.append(f"PATH: {why}")
    found = cached(tool)
    if found is not None:
        return found
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        _wait_for(lock, tool, tell)
        sources.sweep(name, cache())
        return cached(tool) or _get(tool, file.parent, refused, tell)


def _wait_for(lock: Any, tool: Tool, tell: Tell) -> None:  # noqa: ANN401 -- any open file
    """Take the lock, after saying so when another process gets the same tool just now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        tell(f"wait for another process that gets {tool.name} {tool.version}")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _get(tool: Tool, recipes: Path, refused: list[str], tell: Tell) -> Path:
    for title, source in _sources(tool, recipes, tell):
        try:
            found = source()
        except sources.Unavailable as why:
            refused.append(f"{title}: {why}")
            if title != "mirror" or os.environ.get("DASH_MIRROR"):
                tell(f"{title}: {why}")
        else:
            tell(f"{tool.name} {tool.version} is there, from the {title}")
            return found
    raise UserError(
        f"{tool.name} {tool.version} cannot be had: {'; '.join(refused)}. Next: put it on PATH, or "
        "set DASH_MIRROR to a folder with its archive and SHA256SUMS"
    )


def _sources(tool: Tool, recipes: Path, tell: Tell) -> Iterator[tuple[str, Callable[[], Path]]]:
    arch = ARCHITECTURES.get(platform.machine(), platform.machine())
    wanted = sources.Wanted(
        name=tool.name, version=tool.version, arch=arch, files=tuple(tool.files), cache=cache(),
        tree=tool.tree,
    )  # fmt: skip
    mirror = os.environ.get("DASH_MIRROR", "")
    yield "mirror", lambda: sources.from_mirror(wanted, tool.mirror, mirror, tell)
    yield "official download", lambda: sources.download(wanted, tool.official, tell)
    yield "Go build", lambda: sources.build(wanted, tool.build, recipes, tell)


def cached(tool: Tool) -> Path | None:
    """Return the newest complete copy in the cache, None when there is none."""
    found = cache().glob(f"{tool.name}-{tool.version}-*")
    whole = [path for path in found if path.is_dir() and tool.complete(path)]
    return max(whole, key=lambda path: path.stat().st_mtime, default=None)


def accepted(name: str) -> SpecifierSet:
    """Return the versions of a program that may be taken from PATH. Raises UserError."""
    return SpecifierSet(manifest()[name].accepts)


def on_path(tool: Tool) -> Path:
    """Return the folder on PATH that holds the program; the cache's own folders do not count.

    Raises:
        Unavailable: it is not there, not whole, or of a version that is not accepted.
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    others = [f for f in folders if f and not Path(f).is_relative_to(cache())]
    program = shutil.which(tool.files[0], path=os.pathsep.join(others))
    if program is None:
        raise sources.Unavailable(f"no {tool.files[0]}")
    places = (Path(program).parent, Path(program).resolve().parent)
    directory = next((place for place in places if tool.complete(place)), None)
    if directory is None:
        lacking = [f for f in tool.files if not os.access(places[1] / f, os.X_OK)]
        raise sources.Unavailable(f"{program} comes without {', '.join(lacking)}")
    version = version_of([program, *tool.version_command])
    if version is None or version not in SpecifierSet(tool.accepts):
        seen = version or "of an unknown version"
        raise sources.Unavailable(f"{program} is {seen}, accepted is {tool.accepts}")
    return directory


def version_of(argv: list[str]) -> Version | None:
    """Return the first version that a program prints, None when it prints none."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=30,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        said = re.search(r"\d+(\.\d+)+\S*", done.stdout)
        return Version(said[0]) if said else None
    except (OSError, subprocess.TimeoutExpired, InvalidVersion):
        return None


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main(argv: list[str]) -> int:
    """Print the directory of the program named on the command line."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m ops.tools NAME\n")
        return 2
    try:
        found = resolve(argv[0], _tell)
    except UserError as error:
        sys.stderr.write(f"{error.line}\n")
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
