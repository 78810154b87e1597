"""The host image of the lab: Debian 13 with systemd and what the roles install, made once.

Roles install the same packages with apt, which is then a no-op; they work on a stock host too.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.podman import runtime

SUITE = "trixie"
NAME = "localhost/dash-host"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt",
    "python3-venv", "python3-psycopg", "ca-certificates", "iproute2", "nftables", "curl", "zstd",
    "acl", "rsyslog", "haproxy", "postgresql-17", "socat",
)
FILES = Path(__file__).parent / "files"
BUILD_TIMEOUT = 1200  # seconds; about a minute with a near mirror
_ARCHIVES = re.compile(r"debian(-security)?/?$")


class ImageError(RuntimeError):
    """The image could not be made; `str()` is one line."""


def recipe() -> str:
    """Return everything that the image is made of; its hash is the image's tag."""
    parts = [SUITE, *PACKAGES]
    for file in sorted(FILES.iterdir()):
        parts += [file.name, file.read_text(encoding="utf-8")]
    return "\n".join(parts)


def tag() -> str:
    """Return the image's full name."""
    return f"{NAME}:{hashlib.sha256(recipe().encode()).hexdigest()[:12]}"


def sources(texts: dict[str, str], release: str) -> str:
    """Return apt sources for the image from the machine's own.

    Args:
        texts: contents of /etc/apt/sources.list and sources.list.d/* by file name.
        release: ID of /etc/os-release; anything but "debian" gets Debian's own archive.
    """
    mirrors: list[str] = []
    for name, text in texts.items():
        if name.endswith(".sources"):
            mirrors += re.findall(r"(?mi)^URIs:\s*(\S+)", text)
        else:
            mirrors += re.findall(r"(?m)^deb\s+(?:\[[^]]*\]\s+)?(\S+)", text)
    found = [m for m in dict.fromkeys(mirrors) if _ARCHIVES.search(m)] if release == "debian" else []
    main = next((m for m in found if "security" not in m), "http://deb.debian.org/debian")
    security = next((m for m in found if "security" in m),
                    "http://deb.debian.org/debian-security")
    return (
        f"deb {main} {SUITE} main\n"
        f"deb {main} {SUITE}-updates main\n"
        f"deb {security} {SUITE}-security main\n"
    )


def _machine_sources() -> str:
    directory = Path("/etc/apt")
    files = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*"))]
    texts = {f.name: f.read_text(encoding="utf-8") for f in files if f.is_file()}
    os_release = Path("/etc/os-release").read_text(encoding="utf-8")
    match = re.search(r'(?m)^ID="?([a-z]+)', os_release)
    return sources(texts, match.group(1) if match else "")


def ensure() -> str:
    """Make the image unless it is there, and find how this machine runs containers.

    Returns the image's full name. Raises ImageError or runtime.PodmanError.
    """
    name = tag()
    if not runtime.podman("images", "--quiet", name).strip():
        _build(name)
    runtime.probe(name)
    return name


def _build(name: str) -> None:
    if shutil.which("mmdebstrap") is None:
        msg = "mmdebstrap is not installed. Next: ./dash doctor"
        raise ImageError(msg)
    with tempfile.TemporaryDirectory(prefix="dash-image-") as directory:
        archive = Path(directory) / "host.tar"
        words = [
            "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            f"--essential-hook=sh {FILES}/essential.sh \"$1\"",
            f"--customize-hook=sh {FILES}/customize.sh \"$1\" {FILES}",
            SUITE, str(archive), "-",
        ]
        done = subprocess.run(words, input=_machine_sources(), text=True, capture_output=True,
                              timeout=BUILD_TIMEOUT, check=False)
        if done.returncode:
            wrong = [x for x in done.stderr.splitlines() if x.startswith("E:")] or ["no reason"]
            msg = f"the host image could not be built: {wrong[-1]}"
            raise ImageError(msg)
        runtime.podman("import", "--quiet", "--change", 'CMD ["/usr/local/sbin/init"]',
                       "--change", "STOPSIGNAL SIGRTMIN+3", str(archive), name, timeout=300)
