"""Whom the load is for: addresses and files of a stack, as `python -m ops.target` says them.

Only loopback is ever asked: a load on what is not one's own is an attack.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 30.0
COLOURS = ("active", "idle")


class TargetError(Exception):
    """The target cannot be used; the text is one line and says what to type."""


@dataclass(frozen=True)
class Target:
    """A stack, or a service on loopback. Files are named, never what they hold."""

    url: str
    stack: str = "lab"
    preview: str = ""
    ca: str = ""
    directory: str = "."
    prometheus: str = ""
    prometheus_user: str = ""
    prometheus_password_file: str = ""
    provider: str = ""

    def tls(self) -> ssl.SSLContext:
        """Return what trusts the stack's certificates, and the world's for a public name."""
        context = ssl.create_default_context(cafile=self.ca or None)
        context.load_default_certs()
        return context

    def sides(self, judged: str) -> tuple[tuple[str, str], ...]:
        """Return (name, address) of the release that is judged, and of the one beside it.

        Raises:
            TargetError: there is one address alone.
        """
        if not self.preview:
            raise TargetError(f"{self.stack} has no preview address: there is one release alone")
        old, new = (self.preview, self.url) if judged == "active" else (self.url, self.preview)
        return ("old", old), ("new", new)

    @property
    def folder(self) -> Path:
        """Return where the load leaves what it leaves."""
        return Path(self.directory) / "load"


def of(document: dict[str, Any]) -> Target:
    """Return the target that a document describes.

    Raises:
        TargetError: it is none, or none that a load may be sent to.
    """
    try:
        target = Target(**{str(name): str(value) for name, value in document.items()})
    except TypeError as error:
        raise TargetError(f"the target cannot be read: {error}") from None
    for url in (target.url, target.preview):
        if url and not _loopback(url):
            raise TargetError(f"{url} is not on loopback: a load is for your own stack alone")
    if target.stack == "production":
        raise TargetError("production is not loaded: rehearse it with --provider podman")
    return target


def _loopback(url: str) -> bool:
    try:
        return ipaddress.ip_address(str(urlsplit(url).hostname)).is_loopback
    except ValueError:
        return urlsplit(url).hostname == "localhost"


def load(path: str = "") -> Target:
    """Return the target of a file, else that of the stack of this shell.

    Raises:
        TargetError: it cannot be read, or the stack is not up.
    """
    if path:
        try:
            document = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TargetError(f"--target {path}: {error}") from None
    else:
        document = _asked()
    if not isinstance(document, dict):
        raise TargetError(f"--target {path}: it holds no JSON object")
    return of(document)


def _asked() -> Any:  # noqa: ANN401 -- any JSON value
    done = subprocess.run(
        [sys.executable, "-m", "ops.target"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise TargetError(lines[-1])
    return json.loads(done.stdout)
