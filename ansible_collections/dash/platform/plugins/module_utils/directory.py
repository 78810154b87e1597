"""A directory that holds what is declared and nothing else, each file proved before it stands."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils import files
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, last_line

PROOF_SECONDS = 30


def sync(
    content: dict[str, str], dest: Path, *, mode: int, validate: list[str], pretend: bool = False
) -> list[str]:
    """Make a directory hold these files and no other; return the names of those that differ.

    Args:
        content: file name to text.
        dest: the directory, made when missing.
        mode: of the files.
        validate: a command that ends with 0 for a good file, `%s` being its path; none without.
        pretend: change nothing.

    Raises:
        Fault: a file is not good. None was replaced or removed then.
        OSError: the directory cannot be written.
    """
    for name in content:
        if not name or Path(name).name != name or name.startswith("."):
            raise Fault(f"{name} is no name of a file in {dest}")
    there = {p.name: p for p in dest.iterdir() if p.is_file()} if dest.is_dir() else {}
    new = [name for name, text in content.items() if _differs(there.get(name), text, mode)]
    gone = sorted(set(there) - set(content))
    if pretend or not new + gone:
        return sorted(new) + gone
    dest.mkdir(parents=True, exist_ok=True)
    if validate:
        _prove({name: content[name] for name in new}, dest, validate)
    for name in new:
        files.atomic_write(dest / name, content[name], mode)
    for name in gone:
        there[name].unlink()
    return sorted(new) + gone


def _differs(path: Path | None, text: str, mode: int) -> bool:
    if path is None or path.stat().st_mode & 0o777 != mode:
        return True
    return path.read_text(encoding="utf-8", errors="replace") != text


def _prove(content: dict[str, str], dest: Path, validate: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}.", dir=dest.parent) as place:
        for name, text in content.items():
            path = Path(place) / name
            path.write_text(text, encoding="utf-8")
            words = [word.replace("%s", str(path)) for word in validate]
            try:
                done = subprocess.run(
                    words, capture_output=True, text=True, check=False, timeout=PROOF_SECONDS,
                    stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise Fault(
                    f"{words[0]} gave no verdict on {name} within {PROOF_SECONDS} s"
                ) from None
            if done.returncode:
                said = last_line(done.stdout, done.stderr).replace(f"{place}/", "")
                raise Fault(f"{name} is refused, and nothing was replaced: {said}")
