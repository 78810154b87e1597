"""The hosts of Molecule's scenarios: their names, and that none stays after a run."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ops.testsuites import lab

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60.0


def name_for(root: Path, role: str) -> str:
    """Return the name of a role's host: another one in each checkout, as containers share names."""
    return f"{_prefix(root)}{role}".replace("_", "-")


def remove(root: Path) -> str:
    """Remove the hosts of this checkout's scenarios: Molecule does, unless it was killed.

    Returns:
        What went wrong, in a line; nothing when none is left.
    """
    prefix = _prefix(root)
    try:
        # The filter finds the word anywhere in a name
        listed = _podman("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={prefix}")
        if names := [name for name in listed.split() if name.startswith(prefix)]:
            _podman("rm", "--force", "--time", "0", *names)
    except subprocess.CalledProcessError as error:
        return f"podman {error.cmd[1]}: {error.stderr.strip()}"
    except subprocess.TimeoutExpired as error:
        return f"podman {error.cmd[1]} did not end within {SECONDS:.0f} s"
    return ""


def _prefix(root: Path) -> str:
    return f"role-{lab.name_for(root)}-"


def _podman(*words: str) -> str:
    done = subprocess.run(
        ["podman", *words], check=True, capture_output=True, text=True, timeout=SECONDS
    )
    return done.stdout
