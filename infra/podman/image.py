"""The host image of the lab: Debian 13 with systemd and what the roles install, made once.

Roles install the same packages with apt, which is then a no-op; they work on a stock host too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.podman import runtime, sources

SUITE = "trixie"
NAME = "localhost/dash-host"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt",
    "python3-venv", "python3-psycopg", "ca-certificates", "iproute2", "nftables", "curl", "zstd",
    "acl", "chrony", "haproxy", "postgresql-17", "socat", "python3-aiohttp",
    "prometheus", "prometheus-alertmanager", "prometheus-node-exporter",
    "prometheus-postgres-exporter", "prometheus-blackbox-exporter",
)  # fmt: skip
FILES = Path(__file__).parent / "files"
BUILD_TIMEOUT = 1200  # seconds; about a minute with a near mirror
SPACE = 3 << 30  # bytes that the archive, podman's copy of it and the unpacked layer take


class ImageError(runtime.LabError):
    """The image could not be made."""

    __module__ = "builtins"


def recipe() -> str:
    """Return everything that the image is made of; its hash is the image's tag."""
    parts = [SUITE, *PACKAGES]
    for file in sorted(FILES.iterdir()):
        parts += [file.name, file.read_text(encoding="utf-8")]
    return "\n".join(parts)


def tag() -> str:
    """Return the image's full name."""
    return f"{NAME}:{hashlib.sha256(recipe().encode()).hexdigest()[:12]}"


def exists(name: str) -> bool:
    """Tell whether podman has the image. Raises PodmanError when podman does not work."""
    return bool(runtime.podman("images", "--quiet", name).strip())


def ensure() -> str:
    """Make the image unless it is there, and find how this machine runs containers.

    Two labs that want it at once wait for one another.

    Returns:
        The image's full name.

    Raises:
        ImageError: it cannot be built.
        PodmanError: podman does not work.
    """
    name = tag()
    runtime.cache().mkdir(parents=True, exist_ok=True)
    with (runtime.cache() / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not exists(name):
            _build(name)
        runtime.probe(name)
    return name


def _build(name: str) -> None:
    if shutil.which("mmdebstrap", path=runtime.environment()["PATH"]) is None:
        raise ImageError("mmdebstrap is not installed. Next: ./dash doctor")
    place = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108 -- a folder of its own is made in it
    free = shutil.disk_usage(place).free
    if free < SPACE:
        raise ImageError(
            f"{place} has {free >> 20} MiB left and the host image takes {SPACE >> 20}. Next: make "
            "room, or set TMPDIR to a folder with more"
        )
    with tempfile.TemporaryDirectory(prefix="dash-image-", dir=place) as directory:
        Path(directory).chmod(0o755)  # mmdebstrap's helpers are not all root
        archive = Path(directory) / "host.tar"
        _debootstrap(archive)
        runtime.podman(
            "import", "--quiet", "--change", 'CMD ["/usr/local/sbin/init"]',
            "--change", "STOPSIGNAL SIGRTMIN+3", str(archive), name, timeout=300,
        )  # fmt: skip


def _debootstrap(archive: Path) -> None:
    words = runtime.as_root(
        "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        f'--essential-hook=sh {FILES}/essential.sh "$1"',
        f'--customize-hook=sh {FILES}/customize.sh "$1" {FILES}',
        SUITE, str(archive), "-",
    )  # fmt: skip
    try:
        done = subprocess.run(
            words, input=sources.of_machine(SUITE), env=runtime.environment(), text=True,
            capture_output=True, timeout=BUILD_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ImageError(f"the host image was not built within {BUILD_TIMEOUT} s") from None
    if done.returncode:
        raise ImageError(f"the host image could not be built: {complaint(done.stderr)}")


def complaint(stderr: str) -> str:
    """Return the line of mmdebstrap's output that says what went wrong.

    apt's own complaint comes first; the last E: only says that apt failed.
    """
    lines = [x.strip() for x in stderr.splitlines() if x.startswith(("E: ", "Err:"))]
    return lines[0].removeprefix("E: ") if lines else "mmdebstrap gave no reason"
