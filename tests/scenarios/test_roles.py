"""Each role on a host of its own, by Molecule: converge, converge again, check, verify.

`./dash test roles` makes the host image and runs two scenarios side by side.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.testsuites import role_hosts

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".dash" / "test" / "logs"
SECONDS = 900.0  # that one may take, on a slow machine with more to do
SHOWN = 80  # lines of one that failed; its log has them all


def scenarios() -> list[object]:
    """Return role and name of each scenario; only --all runs those that are not the default."""
    found: list[object] = []
    for path in sorted(ROOT.glob("roles/*/molecule/*/molecule.yml")):
        role, name = path.parents[2].name, path.parent.name
        marks = () if name == "default" else (pytest.mark.slow,)
        found.append(pytest.param(role, name, id=f"{role}-{name}", marks=marks))
    return found


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize(("role", "name"), scenarios())
def test_scenario(role: str, name: str) -> None:
    log = LOGS / f"roles-{role}-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    host = role_hosts.name_for(ROOT, role)
    molecule = Path(sys.executable).with_name("molecule")
    with log.open("wb") as out:
        done = subprocess.run(
            [molecule, "test", "--scenario-name", name],
            cwd=ROOT / "roles" / role,
            env={**os.environ, "DASH_TEST_HOST": host},
            stdout=out, stderr=subprocess.STDOUT, check=False, timeout=SECONDS,
        )  # fmt: skip
    lines = log.read_text("utf-8", "replace").splitlines()
    assert done.returncode == 0, "\n".join([f"the whole of it is in {log}:", *lines[-SHOWN:]])
