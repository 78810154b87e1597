"""Releases on an app host: which there are, delivered whole or not at all, pointed to, pruned.

A release lies in /opt/dash/releases/<version>/ and is whole when it holds `.complete`, which holds
its digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.module_utils import files, paths, unpacking
from ansible_collections.dash.platform.plugins.module_utils.unpacking import ReleaseError

COMPLETE = ".complete"
STAGING = ".staging-"
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")


@dataclass(frozen=True)
class Host:
    """Where releases and configurations lie on a host."""

    opt: Path = field(default_factory=lambda: paths.OPT)
    etc: Path = field(default_factory=lambda: paths.ETC)

    @property
    def releases(self) -> Path:
        """All unpacked releases."""
        return self.opt / "releases"

    @property
    def artifacts(self) -> Path:
        """All kept archives."""
        return self.opt / "artifacts"

    def digest(self, version: str) -> str:
        """Return the digest of a whole release, "" when it is not there."""
        try:
            return (self.releases / version / COMPLETE).read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def known(self) -> list[dict[str, Any]]:
        """Return {"version", "digest", "complete"} of every release on this host."""
        if not self.releases.is_dir():
            return []
        names = sorted(d.name for d in self.releases.iterdir() if not d.name.startswith("."))
        found = [(name, self.digest(name)) for name in names]
        return [{"version": n, "digest": d, "complete": bool(d)} for n, d in found]

    def current(self) -> dict[str, str] | None:
        """Return version, digest and config_hash of what the unit runs, or None."""
        version = self.linked()
        try:
            text = (self.etc / "current" / "app.env").read_text(encoding="utf-8")
        except OSError:
            return None
        config_hash = hashlib.sha256(text.encode()).hexdigest()
        if not version:
            return None
        return {"version": version, "digest": self.digest(version), "config_hash": config_hash}

    def linked(self) -> str:
        """Return the version that the link `current` names, "" when there is none."""
        link = self.opt / "current"
        return link.readlink().name if link.is_symlink() else ""

    def points_to(self, version: str, config_hash: str) -> bool:
        """Tell whether both links are where they should be."""
        here = self.current()
        return here is not None and (here["version"], here["config_hash"]) == (version, config_hash)

    def deliver(self, artifact: Path, version: str, digest: str) -> bool:
        """Unpack, verify and install a release; False when it was there already.

        Args:
            artifact: the archive, on this host.
            version: what it must be.
            digest: SHA-256 of its manifest.

        Raises:
            ReleaseError: the artifact is not what it should be; nothing is left behind.
        """
        if not VERSION.fullmatch(version):
            raise ReleaseError(f"{version!r} cannot be a version")
        held = self.digest(version)
        if held == digest:
            return False
        if held:
            raise ReleaseError(
                f"this host knows version {version} with digest {held[:12]}, the artifact has "
                f"{digest[:12]}: a version names one digest for ever"
            )
        self.releases.mkdir(parents=True, exist_ok=True)
        self._sweep()
        target = self.releases / version
        self._unpack(artifact, target, version, digest)
        try:
            unpacking.install(target)
            os.sync()  # or a power cut could leave a marker beside files that are not there
            files.atomic_write(target / COMPLETE, digest + "\n", 0o644)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return True

    def _unpack(self, artifact: Path, target: Path, version: str, digest: str) -> None:
        """Unpack beside the target and move there what was found good."""
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.releases))
        try:
            staging.chmod(0o755)
            unpacking.unpack(artifact, staging)
            unpacking.verify(staging, version, digest)
            shutil.rmtree(target, ignore_errors=True)  # what a run cut short left there
            staging.replace(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise

    def _sweep(self) -> None:
        """Remove what runs that were cut short left behind; one operation at a time works here."""
        for left in self.releases.glob(f"{STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)

    def snapshot(self, config_hash: str) -> Path:
        """Return where a configuration is kept."""
        return self.etc / "configs" / config_hash[:12]

    def configure(self, text: str, config_hash: str) -> None:
        """Keep a configuration snapshot under its hash. Raises ReleaseError."""
        if hashlib.sha256(text.encode()).hexdigest() != config_hash:
            raise ReleaseError(f"the configuration does not have the hash {config_hash[:12]}")
        directory = self.snapshot(config_hash)
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        files.atomic_write(directory / "app.env", text, 0o644)

    def check(self, version: str, config_hash: str) -> None:
        """Refuse a release that is not whole here, or a configuration that is not kept here.

        Raises ReleaseError.
        """
        if not VERSION.fullmatch(version) or not self.digest(version):
            raise ReleaseError(f"release {version} is not on this host. Next: ./dash deploy")
        try:
            text = (self.snapshot(config_hash) / "app.env").read_bytes()
        except FileNotFoundError:
            raise ReleaseError(
                f"configuration {config_hash[:12]} is not on this host. Next: ./dash deploy"
            ) from None
        if hashlib.sha256(text).hexdigest() != config_hash:
            raise ReleaseError(
                f"configuration {config_hash[:12]} was changed on this host. Next: ./dash deploy"
            )

    def point_to(self, version: str, config_hash: str) -> None:
        """Make a release with a configuration, both checked, the current one."""
        files.link(self.etc / "current", str(self.snapshot(config_hash)))
        files.link(self.opt / "current", str(self.releases / version))

    def point_nowhere(self) -> None:
        """Leave the host without a current release."""
        for link in (self.opt / "current", self.etc / "current"):
            link.unlink(missing_ok=True)

    def prune(self, keep: list[str], newest: int = 0) -> list[str]:
        """Remove releases and archives, but for the kept versions and the current one.

        Args:
            keep: versions.
            newest: how many of the last delivered ones stay as well.

        Returns:
            What was removed: versions and file names, sorted.
        """
        known = [r["version"] for r in self.known()]
        by_age = sorted(known, key=lambda v: (self.releases / v).stat().st_mtime, reverse=True)
        stay = {*keep, self.linked(), *by_age[:newest]}
        removed = [version for version in known if version not in stay]
        for version in removed:
            (self.releases / version / COMPLETE).unlink(missing_ok=True)  # first: half is nothing
            shutil.rmtree(self.releases / version)
        for archive in self.artifacts.glob("dash-*.tar.zst"):
            if archive.name.removeprefix("dash-").rpartition("-")[0] not in stay:
                archive.unlink()
                removed.append(archive.name)
        if self.releases.is_dir():
            self._sweep()
        return sorted(removed)
