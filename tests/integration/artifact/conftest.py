"""Checkouts made in the test, and a package index of two tiny wheels that needs no network."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import wheelhouse

Checkout = Callable[..., Path]
MIGRATION = "-- class: expand\ncreate table users (id uuid primary key);\n"


def make_wheel(folder: Path, name: str, version: str, *headers: str) -> Path:
    """Write a wheel that pip takes; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = "\n".join(
        ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = {name!r}\n")
        archive.writestr(f"{info}/METADATA", metadata + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def pin(wheel: Path) -> str:
    """Return the requirement line of a wheel, in the form that `uv export` writes."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via dash\n"


def git(folder: Path, *words: str) -> str:
    """Run git as somebody with a name; return what it printed."""
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    make_wheel(
        folder,
        "pip",
        "99.0",
        "License-Expression: MIT",
        'Requires-Dist: alpha; python_version < "3"',
    )
    make_wheel(
        folder,
        "alpha",
        "1.0",
        "Classifier: License :: OSI Approved :: MIT License",
        "Requires-Dist: pip>=9",
        "Requires-Dist: absent",
    )
    return folder


@pytest.fixture(scope="session")
def cache(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a user's cache that holds the wheels already."""
    folder = tmp_path_factory.mktemp("cache")
    requirements = tmp_path_factory.mktemp("requirements") / "app.txt"
    requirements.write_text("".join(pin(wheel) for wheel in sorted(index.iterdir())))
    with pytest.MonkeyPatch.context() as patch:
        stay_offline(patch, index, folder)
        wheelhouse.collect(requirements, wheelhouse.platform_tag("x86_64"))
    return folder


@pytest.fixture(autouse=True)
def _offline(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stay_offline(monkeypatch, index, cache)


def stay_offline(patch: pytest.MonkeyPatch, index: Path, cache: Path) -> None:
    """Keep pip from the network and the wheels out of the user's own cache."""
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(index))
    patch.setenv("XDG_CACHE_HOME", str(cache))
    patch.delenv("DASH_LAB", raising=False)
    # pip is not ours to measure, and ten times slower when it is
    patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def checkout(tmp_path: Path, index: Path) -> Checkout:
    """Return a factory of source trees: `checkout("name")`, with `tag=` a git history."""

    def make(name: str = "source", *, history: bool = False, tag: str = "") -> Path:
        root = tmp_path / name
        (root / "app" / "migrations").mkdir(parents=True)
        (root / "app" / "__init__.py").write_text('"""The service."""\n\n__version__ = "1.2.0"\n')
        (root / "app" / "py.typed").touch()
        (root / "app" / "migrations" / "0001_initial.sql").write_text(MIGRATION)
        (root / "requirements").mkdir()
        pins = "".join(pin(wheel) for wheel in sorted(index.iterdir()))
        (root / "requirements" / "app.txt").write_text(f"# made by a tool\n{pins}")
        (root / ".gitignore").write_text(".dash/\n__pycache__/\n*.local.py\n")
        if history or tag:
            git(root, "init", "-q")
            git(root, "add", "-A")
            git(root, "commit", "-q", "-m", "First")
        if tag:
            git(root, "tag", tag)
        return root

    return make
