"""How a playbook begins with hosts that were just made: it waits, and says what to type next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAY = {
    "hosts": "all",
    "gather_facts": False,
    "tasks": [{"ansible.builtin.import_role": {"name": "base", "tasks_from": "reach"}}],
}


def play(directory: Path, seconds: int, trouble: str = "") -> tuple[int, str]:
    """Run the step against a host where nobody listens; return exit code and output."""
    (directory / "play.yml").write_text(yaml.safe_dump([PLAY]), encoding="utf-8")
    (directory / "ansible.cfg").touch()
    host = f"app-blue-1 ansible_host=127.0.0.1 ansible_port=9 base_reach_seconds={seconds}"
    (directory / "hosts").write_text(f"{host} dash_stack=staging\n", encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts", "play.yml", "-e",
         json.dumps({"base_trouble": trouble})],
        cwd=directory, capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
             "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_host_that_does_not_answer_is_named_with_what_to_type(tmp_path: Path) -> None:
    code, output = play(tmp_path, 2)

    assert code == 2
    said = "app-blue-1 did not answer within 2 s. Next: ./dash --stack staging doctor"
    assert said in output


def test_a_host_that_its_cloud_says_does_not_run_is_not_waited_for(tmp_path: Path) -> None:
    code, output = play(tmp_path, 300, "i-1 is stopped. Next: start it")

    assert code == 2
    assert "app-blue-1: i-1 is stopped. Next: start it" in output


def test_the_lab_does_not_wait(tmp_path: Path) -> None:
    code, output = play(tmp_path, 0)

    assert code == 0, output
    assert "did not answer" not in output
