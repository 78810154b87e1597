"""The stack's ssh keys: one to log in with, one by which its hosts are known."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack


def _key(file: Path, comment: str) -> str:
    """Make an ed25519 key unless it is there; return its public half."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment,
                        "-f", str(file)], check=True, timeout=30, stdin=subprocess.DEVNULL)
    return file.with_suffix(".pub").read_text(encoding="ascii").strip()


def ensure(stack: Stack) -> tuple[str, Path]:
    """Return (public key that may log in, file of the hosts' private key).

    All hosts of a stack share one host key, so one line of known_hosts covers them.
    """
    directory = stack.directory / "ssh"
    public = _key(directory / "id_ed25519", f"dash {stack.prefix}")
    host = _key(directory / "host_ed25519", stack.prefix)
    network = stack.subnet.rpartition(".")[0]
    known = stack.directory / "known_hosts"
    known.write_text(f"{network}.* {' '.join(host.split()[:2])}\n", encoding="ascii")
    return public, directory / "host_ed25519"
