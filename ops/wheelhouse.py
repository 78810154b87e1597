"""The wheels of a release: exactly what the requirement files pin, for the hosts' Python.

Wheels are fetched with pip once per set of requirements and kept in the user's cache; every use
checks them against the pinned hashes again, so neither a second build nor a host needs a network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from ops.version import BuildError

PYTHON = "3.13"
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
GLIBC_MINOR = range(28, 16, -1)  # manylinux_2_28 down to 2_17: what Debian 13 and older can load
FETCH_TIMEOUT = 540  # seconds for all wheels together
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One line of a requirement file: a project, its version, the hashes that it may have."""

    name: str
    version: Version
    hashes: frozenset[str]

    def line(self) -> str:
        """Return the pin as pip reads it."""
        hashes = " ".join(f"--hash=sha256:{value}" for value in sorted(self.hashes))
        return f"{self.name}=={self.version} {hashes}"


def marker_environment(machine: str) -> dict[str, str]:
    """Return the values that environment markers have on the hosts, not on this machine."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "platform_release": "",
        "platform_version": "",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
        "extra": "",
    }


def read_pins(path: Path, machine: str) -> list[Pin]:
    """Return the pins of a requirement file that apply to the hosts.

    Raises:
        BuildError: when the file is missing or a line is anything but `name==version` with hashes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError(f"{path} is missing: type git checkout requirements") from None
    lines = re.sub(r"\\\n", " ", text).splitlines()
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    pins = [_read_pin(line, path, machine) for line in stripped if line]
    return [pin for pin in pins if pin is not None]


def _read_pin(line: str, path: Path, machine: str) -> Pin | None:
    words = line.partition(" --hash=")[0].strip()
    hashes = frozenset(_HASH.findall(line))
    try:
        requirement = Requirement(words)
        applies = requirement.marker is None or requirement.marker.evaluate(
            marker_environment(machine)
        )
    except (InvalidRequirement, InvalidMarker):
        requirement, applies = None, False
    specifiers = list(requirement.specifier) if requirement else []
    exact = len(specifiers) == 1 and specifiers[0].operator == "=="
    if requirement is None or requirement.url or not exact or not hashes:
        raise BuildError(f'{path} says "{words}": only name==version with --hash=sha256:… is taken')
    if not applies:
        return None
    version = Version(specifiers[0].version)
    return Pin(canonicalize_name(requirement.name), version, hashes)


def platform_tag(machine: str) -> str:
    """Return the tag that names the hosts' platform, for a machine name as `uname -m` gives it.

    Raises:
        BuildError: for a machine that releases are not built for.
    """
    if machine.lower() not in MACHINES:
        raise BuildError(
            f"no release can be built for {machine}: give --machine x86_64 or --machine aarch64"
        )
    return f"manylinux_2_{GLIBC_MINOR.start}_{MACHINES[machine.lower()]}"


def cache_root() -> Path:
    """Return the user's cache of this project."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dash"


def collect(requirements: Path, platform: str) -> list[Path]:
    """Return the wheels of a requirement file for a platform, sorted by file name.

    Args:
        requirements: a file of pins with hashes; pip must be among them.
        platform: a tag of `platform_tag`.

    Raises:
        BuildError: when a wheel cannot be had, or is not what was pinned.
    """
    machine = platform.partition("_2_")[2].partition("_")[2]
    pins = read_pins(requirements, machine)
    if not any(pin.name == "pip" for pin in pins):  # hosts have no other way to install wheels
        raise BuildError(
            f"{requirements} does not pin pip: add it to pyproject.toml and lock again"
        )
    text = "".join(f"{pin.line()}\n" for pin in sorted(pins, key=lambda pin: pin.name))
    key = hashlib.sha256(f"{PYTHON}\n{platform}\n{text}".encode()).hexdigest()
    folder = cache_root() / "wheels" / key
    wheels, missing = _matching(folder, pins)
    if missing:
        _fetch(folder, text, platform)
        wheels, missing = _matching(folder, pins)
    if missing:
        raise BuildError(f"the index gave no wheel with a pinned hash for {', '.join(missing)}")
    return wheels


def _matching(folder: Path, pins: list[Pin]) -> tuple[list[Path], list[str]]:
    """Return the wheels in a folder that are pinned, by name and by hash, and the pins without."""
    found: dict[str, Path] = {}
    wanted = {pin.name: pin for pin in pins}
    for path in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        pin = wanted.get(name)
        if pin is None or version != pin.version:
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() in pin.hashes:
            found[name] = path
    missing = [f"{pin.name}=={pin.version}" for pin in pins if pin.name not in found]
    return sorted(found.values(), key=lambda path: path.name), missing


def _fetch(folder: Path, requirements: str, platform: str) -> None:
    """Download all wheels beside `folder` and put them in its place in one step."""
    sys.stderr.write(f"fetching the wheels of the release for {platform} (once per requirements)\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
        pins = Path(scratch) / "requirements.txt"
        pins.write_text(requirements, encoding="utf-8")
        fresh = Path(scratch) / "wheels"
        machine = platform.partition("_2_")[2].partition("_")[2]
        tags = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINOR]
        _pip_download(pins, fresh, [*tags, f"manylinux2014_{machine}"])
        shutil.rmtree(folder, ignore_errors=True)
        try:
            fresh.rename(folder)
        except OSError:  # another build put the same wheels there first
            if not folder.is_dir():
                raise


def _pip_download(pins: Path, folder: Path, tags: list[str]) -> None:
    words = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    words += ["--require-hashes", "--only-binary=:all:", "--no-deps", "--quiet", "--no-input"]
    words += ["--python-version", PYTHON, "--implementation", "cp"]
    words += [word for tag in tags for word in ("--platform", tag)]
    words += ["--dest", str(folder), "--requirement", str(pins)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise BuildError(
            f"the wheels were not fetched within {FETCH_TIMEOUT} s: try again"
        ) from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = (errors or ["ERROR: pip gave no reason"])[-1].removeprefix("ERROR: ")
        raise BuildError(f"cannot fetch the wheels of the release: {reason}")
