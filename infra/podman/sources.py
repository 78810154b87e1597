"""Apt sources for the host image, made from the machine's own: it knows the nearest mirror."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MAIN = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
_ARCHIVE = re.compile(r"^(https?|file|ftp)://\S*/debian(-security)?/?$")
_LINE = re.compile(r"(?m)^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)")


@dataclass(frozen=True)
class Mirrors:
    """Where Debian comes from: the archive, and its security updates."""

    main: str = MAIN
    security: str = SECURITY


def mirrors(texts: dict[str, str], release: str) -> Mirrors:
    """Return the Debian archives that a machine uses.

    Args:
        texts: /etc/apt/sources.list and sources.list.d/* by file name, one-line or deb822.
        release: ID of /etc/os-release; what is not "debian" gets Debian's own archive.
    """
    if release != "debian":
        return Mirrors()
    uris: list[str] = []
    for name, text in texts.items():
        if name.endswith(".sources"):
            uris += _deb822(text)
        elif name.endswith(".list"):
            uris += [match[1] for match in _LINE.finditer(text)]
    found = [uri.rstrip("/") for uri in uris if _ARCHIVE.match(uri)]
    return Mirrors(
        next((uri for uri in found if not uri.endswith("-security")), MAIN),
        next((uri for uri in found if uri.endswith("-security")), SECURITY),
    )


def _deb822(text: str) -> list[str]:
    """Return the URIs of the enabled stanzas that give binary packages."""
    uris = []
    for stanza in re.split(r"\n\s*\n", text):
        plain = "\n".join(x for x in stanza.splitlines() if not x.lstrip().startswith("#"))
        unfolded = re.sub(r"\n[ \t]+", " ", plain)
        fields = {
            key.strip().lower(): value.split()
            for key, _, value in (line.partition(":") for line in unfolded.splitlines())
        }
        enabled = [x.lower() for x in fields.get("enabled", ["yes"])] not in (["no"], ["false"])
        if enabled and "deb" in fields.get("types", []):
            uris += fields.get("uris", [])
    return uris


def render(found: Mirrors, suite: str, keyring: str = "") -> str:
    """Return sources.list lines for a suite; with a keyring, only its keys are trusted."""
    signed = f"[signed-by={keyring}] " if keyring else ""
    return (
        f"deb {signed}{found.main} {suite} main\n"
        f"deb {signed}{found.main} {suite}-updates main\n"
        f"deb {signed}{found.security} {suite}-security main\n"
    )


def of_machine(suite: str, root: Path = Path("/")) -> str:
    """Return the sources for a suite, as this machine would reach it."""
    folder = root / "etc/apt"
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    texts = {f.name: f.read_text(encoding="utf-8", errors="replace") for f in files if f.is_file()}
    release = root / "etc/os-release"
    found = re.search(r'(?m)^ID="?([a-z]+)', release.read_text("utf-8") if release.exists() else "")
    keyring = KEYRING if (root / KEYRING.lstrip("/")).exists() else ""
    return render(mirrors(texts, found[1] if found else ""), suite, keyring)
