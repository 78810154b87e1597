"""Run the real Pulumi CLI on a stack, with a local backend in the stack's directory."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops import login, process, state, tools
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack

NO_REASON = ("update failed", "preview failed", "destroy failed")  # the reason is another line
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
        "PULUMI_BACKEND_URL": state.url(stack),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_HOME": str(home),
        "PULUMI_STACK": stack.name,
        "DASH_STACK": stack.name,
        "DASH_LAB": stack.lab,
        "ANSIBLE_CONFIG": str(stack.root / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(stack.root / "inventories" / stack.name),
    }
    containers = tools.cache().parent / "containers.conf"
    if containers.exists():
        env["CONTAINERS_CONF"] = str(containers)
    return env


def _change(stack: Stack, on_line: Callable[[str], None], *words: str) -> str:
    """Run a pulumi command that changes hosts, with its output in a log; return the output.

    Ctrl-C reaches pulumi, which then writes down how far it came. Raises UserError.
    """
    env = _prepared(stack)
    unlock(stack)
    log = stack.directory / "logs" / "last-pulumi.log"
    log.unlink(missing_ok=True)
    done = process.run(
        [
            "pulumi",
            *words,
            "--yes",
            "--skip-preview",
            "--stack",
            stack.name,
            *state.configuration(stack),
            "--non-interactive",
        ],
        cwd=stack.root,
        env=env,
        log=log,
        on_line=on_line,
    )
    text = "\n".join(done.lines) + "\n"
    if done.interrupted:
        raise UserError(f"pulumi {words[0]} was interrupted: type the same again, which goes on")
    if done.code:
        raise _fail(words[0], text, stack.name, f" (all of it: {log})")
    if doubt := refusals.in_doubt(text + _cut_off(stack, text), stack.name):
        raise UserError(doubt)
    return text


def _cut_off(stack: Stack, text: str) -> str:
    """Return what an earlier run was cut off from in a cloud, in Pulumi's words for it.

    A run that looks first how things are, as ours do, goes on without a word (Pulumi 3.259); the
    state has it. Where the output names no cloud there is nothing to ask.
    """
    if "aws:" not in text:
        return ""
    done = _run(stack, "stack", "export", "--stack", stack.name)
    if done.returncode:
        raise _fail("stack export", done.stdout + done.stderr, stack.name)
    pending = json.loads(done.stdout)["deployment"].get("pending_operations") or []
    return "".join(f"* {x['resource']['urn']}, interrupted while {x['type']}\n" for x in pending)


def unlock(stack: Stack) -> None:
    """Take away the locks of pulumi commands that were killed on this machine."""
    for lock in (stack.directory / "pulumi" / ".pulumi" / "locks").rglob("*.json"):
        try:
            holder = json.loads(lock.read_text(encoding="utf-8"))
            gone = not _is_pulumi(int(holder["pid"]))
        except (OSError, ValueError, KeyError):
            continue  # taken away meanwhile, or nothing that we understand: pulumi will say
        if gone and holder.get("hostname") == socket.gethostname():
            lock.unlink(missing_ok=True)


def _is_pulumi(pid: int) -> bool:
    """Tell whether a process of this machine is a running pulumi; numbers are used again."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() == "pulumi"
    except OSError:
        return False


def _prepared(stack: Stack) -> dict[str, str]:
    """Return the environment, its directories made."""
    env = environment(stack)
    for directory in (stack.directory / "pulumi", Path(env["PULUMI_HOME"])):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return env


def _run(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    env = _prepared(stack)
    return subprocess.run(
        ["pulumi", *words, "--non-interactive"],
        cwd=stack.root,
        env=env,
        text=True,
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
    )


def _fail(what: str, text: str, stack: str, where: str = "") -> UserError:
    """Return the one line that matters of what pulumi printed."""
    if known := refusals.explain(text, stack):
        return UserError(f"pulumi {what} failed: {known}{where}")
    found = re.findall(r"(?:RunError|LabError|PodmanError|ImageError|StackError): (.+)", text)
    others = re.findall(r"error: (.+)", text)
    found += [x for x in others if "Traceback" not in x and not x.endswith(NO_REASON)]
    line = next(iter([*found, *others]), "no reason given")
    return UserError(f"pulumi {what} failed: {line.strip()}{where}")


def select(stack: Stack) -> None:
    """Make sure that the stack is known to the backend, and the ssh key of a team's is here.

    Raises:
        UserError: the backend refuses, or the key cannot be had.
    """
    login.take(stack)
    known = stack.directory / "pulumi" / ".pulumi" / "stacks" / "dash" / f"{stack.name}.json"
    if known.exists() and not state.shared(stack):
        return
    file, words = state.file(stack), state.creation(stack)
    before = file.read_text("utf-8") if state.configuration(stack) else ""
    done = _run(stack, "stack", "select", "--create", stack.name, *words)
    if before:
        file.write_text(before, "utf-8")  # a rehearsal says nothing of the stack that is in a cloud
    if done.returncode:
        raise _fail("stack select", done.stdout + done.stderr, stack.name)


def up(stack: Stack, on_line: Callable[[str], None] = lambda _line: None) -> str:
    """Make or mend the hosts and return what changed in a few words. Raises UserError."""
    on_line(f"pulumi up on stack {stack.name}")
    select(stack)
    resources = _change(stack, on_line, "up").rpartition("Resources:")[2]
    changed = [f"{number} {verb}" for _, number, verb in CHANGES.findall(resources)]
    return ", ".join(changed) or "nothing to change"


def preview(stack: Stack) -> str:
    """Return what `pulumi preview` says. Raises UserError."""
    select(stack)
    done = _run(stack, "preview", "--stack", stack.name, *state.configuration(stack))
    if done.returncode:
        raise _fail("preview", done.stdout + done.stderr, stack.name)
    return done.stdout


def preview_document(stack: Stack) -> str:
    """Return the preview as a program reads it, with what does not change. Raises UserError."""
    select(stack)
    words = ("--json", "--show-sames", "--stack", stack.name, *state.configuration(stack))
    done = _run(stack, "preview", *words)
    if done.returncode:
        raise _fail("preview", done.stdout + done.stderr, stack.name)
    return done.stdout


def destroy(stack: Stack) -> bool:
    """Remove every host of the stack; False when there was none. Raises UserError."""
    if not state.shared(stack) and not (stack.directory / "pulumi" / ".pulumi").exists():
        return False
    # What is gone needs no looking for: without the refresh it takes half the time
    _change(stack, lambda _line: None, "destroy", "--refresh=false")
    return True


def outputs(stack: Stack) -> dict[str, Any]:
    """Return the stack's outputs. Raises UserError when it is not up."""
    done = _run(stack, "stack", "output", "--json", "--stack", stack.name)
    document: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    if not document.get("hosts"):
        raise UserError(f"stack {stack.name} has no hosts: type ./dash up --stack {stack.name}")
    return document
