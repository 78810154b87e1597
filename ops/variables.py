"""The environment variables that the tools read; an unknown one is an error, not a surprise."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import stack
from ops.console import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN = ("DASH_STACK", "DASH_LAB", "DASH_MIRROR", "DASH_CHAOS_WHY")
IGNORED = ("DASH_TEST_", "DASH_APP_")  # the tests' and the service's own


def check(environ: Mapping[str, str]) -> None:
    """Refuse unknown `DASH_*` variables and values that cannot be meant.

    Raises:
        UsageError: it names the variable, its value and the nearest that would do.
    """
    for name in sorted(environ):
        if name.startswith("DASH_") and name not in KNOWN and not name.startswith(IGNORED):
            raise UsageError(f"unknown variable {name}: {_nearest(name, KNOWN)}, or unset {name}")
    if environ.get("DASH_STACK"):
        stack_name(environ["DASH_STACK"], "DASH_STACK")
    try:
        stack.Stack(Path(), lab=environ.get("DASH_LAB") or "")
    except stack.StackError as error:
        raise UsageError(str(error)) from error
    mirror = environ.get("DASH_MIRROR", "")
    if mirror and not Path(mirror).is_dir():
        raise UsageError(
            f"DASH_MIRROR={mirror!r} is no directory: name one with archives and SHA256SUMS, "
            "or unset DASH_MIRROR"
        )


def stack_name(value: str, source: str = "--stack") -> str:
    """Return the name of a stack as it was given.

    Raises:
        UsageError: there is no such stack.
    """
    if value in stack.STACKS:
        return value
    raise UsageError(f"{source}: there is no stack {value!r}: {_nearest(value, stack.STACKS)}")


def _nearest(value: str, names: tuple[str, ...]) -> str:
    begun = [name for name in names if value and name.startswith(value)]
    near = begun or get_close_matches(value, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
