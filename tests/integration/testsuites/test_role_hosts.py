"""No host of a Molecule scenario stays after a run, whatever ended it; others' stay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import testing
from ops.testsuites import catalogue, machine, role_hosts, state
from ops.testsuites.parts import Part

KILLED = "import os; os.kill(os.getpid(), 9)"


def podman(*words: str) -> str:
    """Return what podman says."""
    done = subprocess.run(["podman", *words], check=True, capture_output=True, text=True)
    return done.stdout


def make(name: str) -> None:
    """Make a container that is not started."""
    podman("create", "--name", name, os.environ["DASH_TEST_IMAGE"], "true")


@pytest.fixture(name="theirs")
def _theirs(tmp_path: Path) -> Iterator[str]:
    """Return a host of another checkout's scenario."""
    name = role_hosts.name_for(tmp_path / "other", "pki")
    make(name)
    yield name
    podman("rm", "--force", name)


def names() -> set[str]:
    """Return the names of all containers."""
    return set(podman("ps", "--all", "--format", "{{.Names}}").split())


def test_a_suite_that_was_killed_leaves_none(
    tmp_path: Path,
    theirs: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, within = (role_hosts.name_for(tmp_path, role) for role in ("app_host", "loki"))
    image = os.environ["DASH_TEST_IMAGE"]
    # The first makes sure of a clean start: its own container takes the name of the one before
    codes = (
        f"import subprocess as s; s.run(['podman', 'create', '--name', '{name}', '{image}'],"
        f"check=True); {KILLED}"
        for name in (before, within)
    )
    programs = [
        Part(suite="roles", name=f"roles-{n}", argv=(sys.executable, "-c", code))
        for n, code in enumerate(codes)
    ]
    monkeypatch.setattr(testing, "ROOT", tmp_path)
    monkeypatch.setattr(state, "tree_hash", lambda _root: "tree")
    ready = machine.Machine(image=image, containers_conf=os.environ.get("CONTAINERS_CONF", ""))
    monkeypatch.setattr(machine, "prepare", lambda *_: ready)
    monkeypatch.setattr(catalogue, "parts", lambda *_args, **_kw: programs)
    make(before)

    assert testing.main(["roles"]) == 1

    said = capsys.readouterr().out
    assert "exit code -9" in said
    assert "exit code 1" not in said  # no name was taken
    assert not {before, within} & names()
    assert theirs in names()


def test_what_podman_cannot_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "podman"
    fake.write_text("#!/bin/sh\necho 'no store' >&2\nexit 125\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert role_hosts.remove(tmp_path) == "podman ps: no store"
