"""Files of a stack that every operator's machine has: a secret's copies, for the operator alone.

Two operators must not have two ssh keys or two authorities of one stack. On AWS the stack's lie
among its secrets, and what lies on a machine follows them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.dash.platform.plugins.module_utils import files
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.plugin_utils.secrets import Source

LOGIN = "ssh_key"
AUTHORITY = "authority"
TYPED = ("prometheus_password", "alertmanager_password", "grafana_password")
PUBLIC = ".pem"  # how the names of certificates end; all else is a key


class Followed(NamedTuple):
    """What `follow` met: a difference, a secret that was there before."""

    changed: bool
    found: bool


def login(where: Source, directory: Path, make: Callable[[], str] | None = None) -> bool:
    """Have the stack's ssh key here; False when nobody keeps one.

    One that is here and another than the stack's stays: hosts may know it alone.

    Args:
        where: where the stack's secrets lie.
        directory: of the stack's state on this machine.
        make: gives a new key for a stack that has none; without it nothing is kept either.

    Raises:
        Fault: the key here is another, or the secrets cannot be had.
    """
    file = directory / "ssh" / "id_ed25519"
    here = _read(file)
    try:
        kept = where.read(LOGIN)
    except Fault:
        if here is None or make:
            raise
        return True  # the way in is not to depend on one more answer
    if kept is None:
        if make is None:
            return False
        kept = where.offer(LOGIN, here or make())
    if here is None:
        file.with_suffix(".pub").unlink(missing_ok=True)
        _write(file, kept)
    elif here.strip() != kept.strip():
        raise Fault(
            f"{file} is not the stack's ssh key, which the Parameter Store keeps. Next: mv "
            f"{file.parent} {file.parent}.old, then the same again; where hosts know the old one "
            'alone: docs/operations/aws.md, "A second operator"'
        )
    return True


def read_here(where: Source, directory: Path) -> None:
    """Bring what programs of this machine read as files, for who has configured nothing.

    The authority's certificate follows what is kept. Passwords come once: playbooks have them
    follow. The authority's key is for who configures.

    Raises:
        Fault: the secrets cannot be had, or hold something else.
    """
    file = directory / "ca.pem"
    if (kept := where.read(AUTHORITY)) is not None:
        text = _unpacked(AUTHORITY, kept, [file.name])[file.name]
        if text != _read(file):
            _write(file, text, 0o644)
    for name in TYPED:
        file = directory / "secrets" / name
        if not file.exists() and (kept := where.read(name)) is not None:
            _write(file, kept.rstrip() + "\n")


def follow(
    where: Source, name: str, paths: Sequence[Path], *, replace: bool = False, look: bool = False
) -> Followed:
    """Have the same in files here and in a secret.

    Args:
        where: where the stack's secrets lie.
        name: of the secret, which holds all files together.
        paths: the files; where one is missing none counts.
        replace: what is here is newer: it is kept. Otherwise it is kept where nothing was.
        look: change nothing.

    Raises:
        Fault: the secret cannot be had, or holds something else.
    """
    texts = {path.name: _read(path) for path in paths}
    here = {n: t for n, t in texts.items() if t is not None}
    whole = len(here) == len(paths)
    kept = where.read(name)
    there = None if kept is None else _unpacked(name, kept, list(texts))
    if there == here or (there is None and not whole):
        return Followed(changed=False, found=there is not None)
    found = Followed(changed=True, found=there is not None)
    if look:
        return found
    packed = json.dumps(here, sort_keys=True)
    if whole and replace:
        where.write(name, packed)
        there = here
    elif there is None:
        there = _unpacked(name, where.offer(name, packed), list(texts))
    for path in paths:
        _write(path, there[path.name], 0o644 if path.suffix == PUBLIC else 0o600)
    return found


def _unpacked(name: str, kept: str, wanted: Sequence[str]) -> dict[str, str]:
    """Return the texts of some files by their names."""
    try:
        found = json.loads(kept)
        return {file: str(found[file]) for file in wanted}
    except (ValueError, KeyError, TypeError):
        raise Fault(
            f"the secret {name} does not hold {' and '.join(wanted)}. Next: remove it, then "
            "./dash configure on the machine of an operator whose stack works"
        ) from None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{path}: {one_line(error)}") from None


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.atomic_write(path, text, mode)
    except OSError as error:
        raise Fault(one_line(error)) from None
