"""Release artifacts: `python -m ops.artifact build|verify|take` (format: docs/architecture.md).

An artifact holds the service, its migrations and every wheel it needs, and comes out byte for byte
the same from the same tree, whoever builds it, where and when.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform as host
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops import archive, sbom, version, wheelhouse
from ops.version import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "dash"
CLASSES = ("expand", "contract", "irreversible")
_CLASS_LINE = re.compile(r"^--\s*class:\s*(\S+)\s*$", re.MULTILINE)
_MIGRATION = re.compile(r"[0-9]+_[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class Artifact:
    """A whole artifact on disk, and how it came there."""

    path: str
    version: str
    digest: str
    git_sha: str
    schema: dict[str, list[str]]
    built: bool = False
    seconds: float = 0.0

    @classmethod
    def of(cls, path: Path, manifest: archive.Manifest, digest: str) -> Artifact:
        """Return what a manifest says of the artifact at `path`."""
        known = {key: manifest[key] for key in ("version", "git_sha", "schema")}
        return cls(path=str(path), digest=digest, **known)


def schema_of(migrations: Sequence[Path]) -> dict[str, list[str]]:
    """Return the ids (file names without .sql) of migrations by the class in their header.

    Raises:
        BuildError: when a file has no or another class, or is not named `<id>_<words>.sql`.
    """
    found: dict[str, list[str]] = {name: [] for name in CLASSES}
    for path in migrations:
        classes = _CLASS_LINE.findall(path.read_text(encoding="utf-8"))
        if not _MIGRATION.fullmatch(path.name):
            raise BuildError(f"{path} is not named like a migration: 0007_add_names.sql")
        if len(classes) != 1 or classes[0] not in CLASSES:
            raise BuildError(f"{path}: its header needs one line `-- class: {'|'.join(CLASSES)}`")
        found[classes[0]].append(path.stem)
    return {name: sorted(ids) for name, ids in found.items()}


def build(source: Path, out: Path, machine: str) -> Artifact:
    """Build the artifact of a source tree, or find it already built.

    Args:
        source: a checkout.
        out: directory of artifacts.
        machine: the hosts' machine, as `uname -m` says.

    Raises:
        BuildError: when something is missing, or the version is known with another content.
    """
    started = time.monotonic()
    checkout = version.read_checkout(source)
    named = version.version_of(checkout)
    members = {name: checkout.source / name for name in version.package_files(checkout)}
    platform = wheelhouse.platform_tag(machine)
    wheels = wheelhouse.collect(version.requirements_of(checkout.source), platform)
    members |= {f"wheels/{wheel.name}": wheel for wheel in wheels}
    for name in members:
        archive.check_member(name)
    migrations = [p for n, p in members.items() if re.fullmatch(r"app/migrations/[^/]+\.sql", n)]
    manifest: archive.Manifest = {
        "format": archive.FORMAT,
        "name": NAME,
        "version": named,
        "git_sha": checkout.commit,
        "platform": platform,
        "python": wheelhouse.PYTHON,
        "schema": schema_of(migrations),
        "files": {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in members.items()},
        "sbom": sbom.describe(
            NAME, named, wheels, wheelhouse.marker_environment(platform.partition("_2_28_")[2])
        ),
    }
    raw = archive.canonical(manifest)
    digest = archive.digest_of(raw)
    target = out / archive.file_name(named, digest)
    built = not _is_there(target, named, digest)
    if built:
        archive.pack(raw, members, target)
    found = Artifact.of(target.absolute(), manifest, digest)
    took = round(time.monotonic() - started, 3)
    return Artifact(**{**asdict(found), "built": built, "seconds": took})


def _is_there(target: Path, named: str, digest: str) -> bool:
    """Tell whether a whole artifact lies at `target`; refuse another content of its version."""
    if others := _other_contents(target.parent, named, digest):
        raise BuildError(
            f"version {named} is known with another content ({others[0].name}, now "
            f"{digest[:12]}): raise __version__ in app/__init__.py, or remove that file"
        )
    try:
        archive.verify(target)
    except BuildError as error:
        if target.exists():
            sys.stderr.write(f"building it again: {error}\n")
        return False
    return True


def _other_contents(out: Path, named: str, digest: str) -> list[Path]:
    """Return the artifacts that have a version and another digest."""
    paths = sorted(out.glob("dash-*.tar.zst"))
    found = [(path, archive.parse_name(path.name)) for path in paths]
    return [p for p, name in found if name and name[0] == named and name[1] != digest[:12]]


def inspect(path: Path) -> Artifact:
    """Check an artifact from its first byte to its last and return what it is.

    Raises:
        BuildError: when it is damaged, cut short or not what its name says.
    """
    manifest, digest = archive.verify(path)
    return Artifact.of(path.absolute(), manifest, digest)


def take(path: Path, out: Path) -> Artifact:
    """Check an artifact from elsewhere, and keep a copy, so that another stack can be given it.

    No copy is kept beside another content of its version: what is built here stands there.

    Args:
        path: the artifact.
        out: directory of artifacts.

    Raises:
        BuildError: when it is damaged, cut short or not what its name says.
    """
    found = inspect(path)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / path.name
    if not kept.exists() and not _other_contents(out, found.version, found.digest):
        part = out / f".{path.name}.part"
        shutil.copyfile(path, part)
        part.replace(kept)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.artifact", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    root = Path(__file__).resolve().parents[1]
    for verb, words in (
        ("build", "build the artifact of a checkout"),
        ("verify", "check an artifact"),
        ("take", "check an artifact from elsewhere and keep a copy"),
    ):
        sub = verbs.add_parser(verb, help=words)
        sub.add_argument("--json", action="store_true", help="one JSON document instead of words")
        if verb in {"verify", "take"}:
            sub.add_argument("file", type=Path, help="the artifact")
        if verb == "verify":
            continue
        sub.add_argument("--source", type=Path, default=root, help="the checkout")
        sub.add_argument("--out", type=Path, help="default: <source>/.dash/artifacts")
        if verb == "build":
            sub.add_argument("--machine", default=host.machine(), help="the hosts', as uname -m")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb and print what it found; 0 done, 1 refused (one line on stderr), 2 usage."""
    args = _parser().parse_args(argv)
    try:
        if args.verb == "verify":
            found = inspect(args.file)
        else:
            out = args.out or args.source / ".dash" / "artifacts"
            if args.verb == "build":
                found = build(args.source, out, args.machine)
            else:
                found = take(args.file, out)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if args.json:
        sys.stdout.write(json.dumps(asdict(found), sort_keys=True) + "\n")
    else:
        did = {"build": "built" if found.built else "already built"}.get(args.verb, "whole")
        sys.stdout.write(f"{did}: {found.version} {found.digest} {found.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
