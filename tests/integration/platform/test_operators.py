"""Two operators of a stack on AWS, each with a clone: the real role `pki`, a simulated SSM."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.simulated import simulation

ROOT = Path(__file__).resolve().parents[3]
REGION, KEY = "eu-central-1", "alias/dash-staging-secrets"
PLAY = [{"hosts": "all", "connection": "local", "gather_facts": False, "roles": ["pki"]}]
ENDING = 400  # days: a host's certificate has fewer left from the start
LEAF = {"edge-1.pem", "edge-1.key", "db-1.pem", "db-1.key"}
AUTHORITY = {"ca.key", "ca.pem"}


class Operator:
    """One machine: a state directory, and Ansible on it."""

    def __init__(self, folder: Path, aws: simulation.Simulation) -> None:
        self.folder, self.aws = folder, aws
        folder.mkdir()
        (folder / "play.yml").write_text(json.dumps(PLAY))

    def configure(self, *words: str, **given: Any) -> int:
        """Run the role for two hosts; return how much changed."""
        told = {
            "dash_provider": "aws", "dash_state_dir": str(self.folder), "dash_region": REGION,
            "dash_secrets_path": "/dash/staging/", "dash_secrets_key": KEY,
            "pki_directory": f"{self.folder}/pki", "pki_ca_file": f"{self.folder}/ca.pem",
            "pki_shared": True, **given,
        }  # fmt: skip
        env = {
            **os.environ, **self.aws.environment(), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"), "ANSIBLE_NOCOLOR": "1",
        }  # fmt: skip
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "edge-1,db-1,",
             "-e", json.dumps(told), *words, str(self.folder / "play.yml")],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return sum(map(int, re.findall(r" changed=(\d+)", done.stdout)))

    def files(self) -> dict[str, str]:
        """Return what lies here: the authority, and each host's certificate and key."""
        found = [self.folder / "ca.pem", *(self.folder / "pki").glob("*")]
        return {path.name: path.read_text() for path in found}

    def trusts(self, host: str) -> bool:
        """Tell whether a host's certificate is good to whoever has the authority's."""
        words = ["openssl", "verify", "-CAfile", f"{self.folder}/ca.pem"]
        done = subprocess.run(
            [*words, f"{self.folder}/pki/{host}.pem"], check=False, capture_output=True
        )
        return done.returncode == 0


@pytest.fixture(name="aws", scope="module")
def _aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[simulation.Simulation]:
    with simulation.running(tmp_path_factory.mktemp("aws"), REGION, ()) as running:
        yield running


@pytest.mark.slow  # 95 s of playbooks; test_lease.py holds the lease itself
@pytest.mark.timeout(300)
def test_a_second_operator_changes_nothing_and_each_follows_the_other(
    aws: simulation.Simulation, tmp_path: Path
) -> None:
    first, second = (Operator(tmp_path / name, aws) for name in ("first", "second"))
    first.configure()
    made = first.files()
    second.configure()

    assert made.keys() == LEAF | AUTHORITY
    assert second.files() == made
    assert (second.folder / "pki/ca.key").stat().st_mode & 0o777 == 0o600
    assert (second.configure(), first.configure()) == (0, 0)

    second.configure(pki_renew_days=ENDING)
    renewed = second.files()
    assert first.configure("--check") > 0
    assert first.files() == made
    first.configure()

    assert {name for name in made if renewed[name] != made[name]} >= {"edge-1.pem", "db-1.pem"}
    assert {name: renewed[name] for name in AUTHORITY} == {name: made[name] for name in AUTHORITY}
    assert first.files() == renewed

    first.configure(pki_renew_days=10 * ENDING)
    second.configure()

    assert first.files()["ca.pem"] != made["ca.pem"]
    assert second.files() == first.files()
    assert second.trusts("edge-1")
    assert second.trusts("db-1")
    assert (second.configure(), first.configure()) == (0, 0)
