"""What goes wrong, as one line for people, and how a module ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Fault(Exception):
    """What cannot be done, why, and what to type next: `str()` is one line.

    Args:
        line: that line.
        facts: what a caller may want to read beside it, by name.
    """

    def __init__(self, line: str, **facts: Any) -> None:
        super().__init__(line)
        self.facts = facts


def one_line(error: BaseException) -> str:
    """Return an error as one line that names the file it is about, never a list of words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def last_line(*texts: str) -> str:
    """Return the last line with something in it of a program's outputs, "" when all are empty."""
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def answer(module: Any, work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """End an Ansible module with what `work` returns for its parameters, or with its one line.

    Args:
        module: the AnsibleModule.
        work: takes the parameters, returns what `exit_json` is told; raises Fault or OSError.
    """
    try:
        done = work(module.params)
    except Fault as fault:
        module.fail_json(msg=one_line(fault), **fault.facts)
    except OSError as error:
        module.fail_json(msg=one_line(error))
    else:
        module.exit_json(**done)
