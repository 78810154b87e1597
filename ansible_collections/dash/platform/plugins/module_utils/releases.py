"""Releases on an app host: unpack, verify, install offline, activate, prune.

A release lies in /opt/dash/releases/<version>/ and is whole when it holds `.complete`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import files

COMPLETE = ".complete"
INSTALL_TIMEOUT = 300  # seconds
PIP_OPTIONS = ("--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check",
               "--no-warn-script-location", "--root-user-action=ignore", "--quiet")


class ReleaseError(Exception):
    """A release cannot be had or started; `str()` is one line."""


@dataclass(frozen=True)
class Host:
    """Where releases and configurations lie on a host."""

    opt: Path = Path("/opt/dash")
    etc: Path = Path("/etc/dash")

    @property
    def releases(self) -> Path:
        """All unpacked releases."""
        return self.opt / "releases"

    @property
    def artifacts(self) -> Path:
        """All kept archives."""
        return self.opt / "artifacts"

    def manifest(self, version: str) -> dict[str, Any] | None:
        """Return the manifest of a whole release, None when it is not there."""
        directory = self.releases / version
        if not (directory / COMPLETE).exists():
            return None
        return files.read_json(directory / "manifest.json")

    def digest(self, version: str) -> str:
        """Return the digest of a whole release, "" when it is not there."""
        if not (self.releases / version / COMPLETE).exists():
            return ""
        return (self.releases / version / COMPLETE).read_text(encoding="ascii").strip()

    def known(self) -> list[dict[str, Any]]:
        """Return {"version", "digest", "complete"} of every release on this host."""
        if not self.releases.is_dir():
            return []
        return [{"version": d.name, "digest": self.digest(d.name),
                 "complete": (d / COMPLETE).exists()}
                for d in sorted(self.releases.iterdir()) if not d.name.startswith(".")]

    def current(self) -> dict[str, str] | None:
        """Return version, digest and config_hash of what the unit runs, or None."""
        link = self.opt / "current"
        if not link.is_symlink():
            return None
        version = link.readlink().name
        try:
            text = (self.etc / "current" / "app.env").read_text(encoding="utf-8")
        except OSError:
            return None
        return {"version": version, "digest": self.digest(version),
                "config_hash": hashlib.sha256(text.encode()).hexdigest()}

    def deliver(self, artifact: Path, version: str, digest: str) -> bool:
        """Unpack, verify and install a release; False when it was there already.

        Raises:
            ReleaseError: the artifact is not what it should be; nothing is left behind.
        """
        held = self.digest(version)
        if held == digest:
            return False
        if held:
            msg = (f"this host knows version {version} with digest {held[:12]}, the artifact has "
                   f"{digest[:12]}: a version names one digest for ever")
            raise ReleaseError(msg)
        self.releases.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=self.releases))
        try:
            staging.chmod(0o755)
            unpack(artifact, staging)
            verify(staging, version, digest)
            target = self.releases / version
            shutil.rmtree(target, ignore_errors=True)
            staging.replace(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        try:
            install(target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        files.atomic_write(target / COMPLETE, digest + "\n", 0o644)
        return True

    def configure(self, text: str, config_hash: str) -> None:
        """Keep a configuration snapshot under its hash. Raises ReleaseError."""
        if hashlib.sha256(text.encode()).hexdigest() != config_hash:
            msg = f"the configuration does not have the hash {config_hash[:12]}"
            raise ReleaseError(msg)
        directory = self.etc / "configs" / config_hash[:12]
        directory.mkdir(parents=True, exist_ok=True)
        files.atomic_write(directory / "app.env", text, 0o644)

    def point_to(self, version: str, config_hash: str) -> None:
        """Make a whole release with a kept configuration the current one. Raises ReleaseError."""
        if not (self.releases / version / COMPLETE).exists():
            msg = f"release {version} is not on this host. Next: ./dash deploy"
            raise ReleaseError(msg)
        config = self.etc / "configs" / config_hash[:12]
        if not (config / "app.env").exists():
            msg = f"configuration {config_hash[:12]} is not on this host. Next: ./dash deploy"
            raise ReleaseError(msg)
        files.link(self.etc / "current", str(config))
        files.link(self.opt / "current", str(self.releases / version))

    def point_nowhere(self) -> None:
        """Leave the host without a current release."""
        for link in (self.opt / "current", self.etc / "current"):
            link.unlink(missing_ok=True)

    def prune(self, keep: list[str]) -> list[str]:
        """Remove releases and archives but the kept versions and the current one."""
        current = self.current()
        stay = {*keep, *([current["version"]] if current else [])}
        removed = []
        for release in self.known():
            if release["version"] not in stay:
                shutil.rmtree(self.releases / release["version"])
                removed.append(release["version"])
        archives = self.artifacts.glob("dash-*.tar.zst") if self.artifacts.is_dir() else []
        for archive in archives:
            version = archive.name.removeprefix("dash-").rpartition("-")[0]
            if version not in stay:
                archive.unlink()
                removed.append(archive.name)
        return sorted(removed)


def unpack(artifact: Path, directory: Path) -> None:
    """Unpack a tar.zst, refusing names that leave the directory. Raises ReleaseError."""
    if not artifact.is_file():
        msg = f"{artifact} is not there. Next: ./dash deploy"
        raise ReleaseError(msg)
    cure = f"{artifact.name} is corrupt or cut off. Next: remove it here and ./dash deploy again"
    with subprocess.Popen(["zstd", "--decompress", "--stdout", "--quiet", str(artifact)],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as zstd:
        try:
            with tarfile.open(fileobj=zstd.stdout, mode="r|") as tar:
                tar.extractall(directory, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            if isinstance(error, OSError) and error.errno:
                msg = f"{artifact.name} cannot be unpacked: {error.strerror}"
                raise ReleaseError(msg) from None
            raise ReleaseError(cure) from None
    if zstd.returncode:
        raise ReleaseError(cure)


def verify(directory: Path, version: str, digest: str) -> None:
    """Hold every byte against the manifest, and the manifest against the digest."""
    file = directory / "manifest.json"
    seen = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "none"
    if seen != digest:
        msg = f"the artifact has digest {seen[:12]}, {digest[:12]} was expected"
        raise ReleaseError(msg)
    manifest = json.loads(file.read_text(encoding="utf-8"))
    if manifest["version"] != version:
        msg = f"the artifact is of version {manifest['version']}, not {version}"
        raise ReleaseError(msg)
    present = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
    wanted = manifest["files"]
    odd = sorted((present - {"manifest.json"}) ^ set(wanted))
    if odd:
        msg = f"the artifact and its manifest disagree about {odd[0]}"
        raise ReleaseError(msg)
    for name, expected in wanted.items():
        if hashlib.sha256((directory / name).read_bytes()).hexdigest() != expected:
            msg = f"{name} in the artifact was changed"
            raise ReleaseError(msg)


def install(directory: Path) -> None:
    """Make the release's own virtual environment from its wheels, without a network."""
    venv = directory / "venv"
    wheels = sorted((directory / "wheels").glob("*.whl"))
    pip = next((w for w in wheels if w.name.startswith("pip-")), None)
    if pip is None:
        msg = "the artifact has no wheel of pip"
        raise ReleaseError(msg)
    rest = [str(w) for w in wheels if w != pip]
    for words in (
        ["python3", "-m", "venv", "--without-pip", str(venv)],
        [str(venv / "bin/python"), f"{pip}/pip", "install", *PIP_OPTIONS, *rest],
        [str(venv / "bin/python"), "-m", "compileall", "-q", "-j", "0", str(directory / "app"),
         str(venv / "lib")],
    ):
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_TIMEOUT,
                              check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            lines = [x for x in (done.stdout + done.stderr).splitlines() if x.strip()]
            msg = f"installing the release failed: {lines[-1] if lines else words}"
            raise ReleaseError(msg)
