"""The stack's hosts as Ansible sees them, and how ssh reaches each."""

from __future__ import annotations

import json
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.console import UsageError, UserError

if TYPE_CHECKING:
    from ops.session import Session

Hosts = dict[str, dict[str, Any]]


def hosts(session: Session) -> Hosts:
    """Return the variables of every host of the stack, by its name.

    Raises:
        UserError: the inventory cannot be read, or the stack has no hosts.
    """
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-inventory")),
            "--list",
            "-i",
            f"inventories/{session.stack}",
        ],
        cwd=session.root,
        env=session.programs(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"the inventory of {session.stack} cannot be read: {lines[-1]}")
    found: Hosts = plain(json.loads(done.stdout).get("_meta", {}).get("hostvars", {}))
    if not found:
        raise UserError(f"{session.stack} has no hosts: type ./dash --stack {session.stack} up")
    return found


def plain(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Return a value without Ansible's marks of strings that are no templates."""
    if isinstance(value, dict):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def pick(found: Hosts, name: str) -> dict[str, Any]:
    """Return the variables of one host.

    Raises:
        UsageError: there is no such host; it names the nearest.
    """
    if name in found:
        return found[name]
    near = get_close_matches(name, found, n=1)
    known = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(found))}"
    raise UsageError(f"there is no host {name!r}: {known}")


def ssh(variables: dict[str, Any]) -> list[str]:
    """Return the ssh command that reaches a host, to which a remote command may be added."""
    from ansible_collections.dash.platform.plugins.module_utils import controller

    return controller.ssh_command(variables)
