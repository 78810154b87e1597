"""Run the real Pulumi CLI on a stack, with a local backend in the stack's directory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ops import tools
from ops.console import UserError

TIMEOUT = 1800  # seconds; the first `up` builds the host image
CHANGES = re.compile(r"^\s+([+~-]{1,2}) (\d+) (created|updated|deleted|replaced)", re.MULTILINE)


def environment(stack: Stack, tell: tools.Tell = lambda _line: None) -> dict[str, str]:
    """Return the whole environment in which pulumi and ansible work on a stack by hand too.

    The stacks keep no secrets in Pulumi, hence the empty passphrase. The venv comes first on PATH:
    the language host runs the first `python` it finds, and asks it for pip.
    """
    programs = tools.resolve("pulumi", tell)
    bin_dir = Path(sys.executable).parent
    parts = [str(bin_dir), str(programs), *os.environ.get("PATH", "").split(":")]
    home = tools.cache().parent / "pulumi"
    env = {
        **os.environ,
        "PATH": ":".join(dict.fromkeys(parts)),
        "VIRTUAL_ENV": str(bin_dir.parent),
        "PYTHONPATH": str(stack.root),
        "PULUMI_BACKEND_URL": f"file://{stack.directory / 'pulumi'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_HOME": str(home),
        "PULUMI_STACK": stack.name,
        "DASH_STACK": stack.name,
        "ANSIBLE_CONFIG": str(stack.root / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(stack.root / "inventories" / stack.name),
    }
    containers = tools.cache().parent / "containers.conf"
    if containers.exists():
        env["CONTAINERS_CONF"] = str(containers)
    return env


def _run(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    env = environment(stack)
    for directory in (stack.directory / "pulumi", Path(env["PULUMI_HOME"])):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return subprocess.run(
        ["pulumi", *words, "--non-interactive"], cwd=stack.root, env=env, text=True,
        capture_output=True, check=False, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
    )


def _fail(what: str, done: subprocess.CompletedProcess[str]) -> UserError:
    """Return the one line that matters of what pulumi printed."""
    text = done.stdout + done.stderr
    found = re.findall(r"(?:RunError|PodmanError|ImageError|StackError): (.+)", text)
    found += [x for x in re.findall(r"error: (.+)", text) if "Traceback" not in x]
    line = found[0] if found else "no reason given"
    return UserError(f"pulumi {what} failed: {line.strip()}")


def _select(stack: Stack) -> None:
    """Make sure that the stack is known to the backend."""
    if (stack.directory / "pulumi" / ".pulumi" / "stacks" / "dash" / f"{stack.name}.json").exists():
        return
    done = _run(stack, "stack", "select", "--create", stack.name)
    if done.returncode:
        raise _fail("stack select", done)


def up(stack: Stack, on_line: Callable[[str], None] = lambda _line: None) -> str:
    """Make or mend the hosts and return what changed in a few words. Raises UserError."""
    on_line(f"pulumi up on stack {stack.name}")
    _select(stack)
    done = _run(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    if done.returncode:
        raise _fail("up", done)
    resources = done.stdout.rpartition("Resources:")[2]
    changed = [f"{number} {verb}" for _, number, verb in CHANGES.findall(resources)]
    return ", ".join(changed) or "nothing to change"


def preview(stack: Stack) -> str:
    """Return what `pulumi preview` says. Raises UserError."""
    _select(stack)
    done = _run(stack, "preview", "--stack", stack.name)
    if done.returncode:
        raise _fail("preview", done)
    return done.stdout


def destroy(stack: Stack) -> bool:
    """Remove every host of the stack; False when there was none. Raises UserError."""
    if not (stack.directory / "pulumi" / ".pulumi").exists():
        return False
    done = _run(stack, "destroy", "--yes", "--skip-preview", "--stack", stack.name)
    if done.returncode:
        raise _fail("destroy", done)
    return True


def outputs(stack: Stack) -> dict[str, Any]:
    """Return the stack's outputs. Raises UserError when it is not up."""
    done = _run(stack, "stack", "output", "--json", "--stack", stack.name)
    if done.returncode:
        raise UserError(f"stack {stack.name} has no hosts: type ./dash up --stack {stack.name}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document
