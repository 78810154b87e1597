"""The stack's ssh keys: one to log in with, one by which its hosts are known."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, StackError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a host is given: both public halves, and where the hosts' private one lies."""

    public: str
    host: str
    host_file: Path


def _keygen(*words: str) -> str:
    try:
        done = subprocess.run(
            ["ssh-keygen", *words], capture_output=True, text=True, check=False, timeout=30,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise StackError("ssh-keygen is not installed. Next: ./dash doctor") from None
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no reason given"]
        raise StackError(f"ssh-keygen: {lines[-1]}")
    return done.stdout


def _key(file: Path, comment: str) -> str:
    """Make an ed25519 key unless it is there; return its public half."""
    public = file.with_suffix(".pub")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file))
    elif not public.exists():
        public.write_text(_keygen("-y", "-f", str(file)), encoding="ascii")
    return public.read_text(encoding="ascii").strip()


def login(stack: Stack, *, shared: bool = False) -> str:
    """Make the key to log in with unless it is there; return its public half.

    Args:
        stack: whose key it is.
        shared: whether other operators have it too. Then it is none to be made here.

    Raises:
        StackError: ssh-keygen is missing or says no, or the key of several operators is not here.
    """
    file = stack.directory / "ssh" / "id_ed25519"
    if shared and not file.exists():
        raise StackError(
            f"the ssh key of {stack.name} is not on this machine. Next: ./dash --stack "
            f"{stack.name} infra bootstrap, which brings it"
        )
    return _key(file, f"dash {stack.prefix}")


def ensure(stack: Stack) -> Keys:
    """Make the stack's keys unless they are there, and `known_hosts`.

    All hosts of a stack share one host key, so one line of known_hosts covers them.

    Raises:
        StackError: ssh-keygen is missing or says no.
    """
    directory = stack.directory / "ssh"
    public = login(stack)
    host_file = directory / "host_ed25519"
    host = _key(host_file, stack.prefix)
    network = stack.subnet.rpartition(".")[0]
    known = stack.directory / "known_hosts"
    line = f"{network}.* {' '.join(host.split()[:2])}\n"
    if not known.exists() or known.read_text(encoding="ascii") != line:
        temporary = known.with_name(f"known_hosts.{os.getpid()}.tmp")
        temporary.write_text(line, encoding="ascii")
        temporary.replace(known)
    return Keys(public=public, host=host, host_file=host_file)
