"""A lab of its own for the whole session; `ops.testing` takes it down on every way out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ops.session import Session
from tests.e2e.driver import Done, Lab
from tests.e2e.variants import VARIANTS


@pytest.fixture(name="up", scope="session")
def _up() -> tuple[Lab, Done]:
    """Return a lab that is up and runs this checkout, and its second `up` in a row.

    `./dash test` had it up already. By hand it may be new, or run what tests before left.
    """
    lab = Lab(os.environ.get("DASH_TEST_LAB", "e2e"))
    done = lab.ok("up")
    if "active already" not in done.last:
        done = lab.ok("up")
    return lab, done


@pytest.fixture(name="lab", scope="session")
def _lab(up: tuple[Lab, Done]) -> Lab:
    """Return a lab that is up and runs this checkout."""
    return up[0]


@pytest.fixture(name="session", scope="session")
def _session(lab: Lab) -> Session:
    """Return what commands of `./dash` know of the lab's stack."""
    return Session(stack=lab.stack, environ={"DASH_LAB": lab.name}, root=lab.root)


@pytest.fixture(name="artifacts", scope="session")
def _artifacts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the artifacts of all variants by name: {"path", "version", "digest"}."""
    return Artifacts(lab, tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(name="base")
def _base(lab: Lab, artifacts: dict[str, dict[str, Any]]) -> str:
    """Have the plain release active, and return its version."""
    artifact = artifacts["plain"]
    if lab.active()[1] != artifact["version"]:
        lab.ok("deploy", "--artifact", artifact["path"], "--watch", "3", "--force")
    return str(artifact["version"])


class Artifacts(dict[str, dict[str, Any]]):
    """Artifacts by the name of their variant, each built when first asked for."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        super().__init__()
        self._lab, self._directory = lab, directory

    def __missing__(self, name: str) -> dict[str, Any]:
        self[name] = self._lab.build(self._directory / name, VARIANTS[name])
        return self[name]
