"""The real `playbooks/site.yml` on hosts in one zone and in three; its roles only say who runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.timeout(150)  # seconds; ten are usual
ROOT = Path(__file__).resolve().parents[3]
ROLES = {
    role["role"]
    for name in ("site", "ready")
    for play in yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text(encoding="utf-8"))
    for role in play.get("roles", [])
}
TASKS: list[dict[str, Any]] = [
    {
        "name": "Say who runs, and with whom",
        "ansible.builtin.shell": (
            "echo '{{ ansible_role_name }} {{ inventory_hostname }} "
            '{{ ansible_play_batch | join(",") }}\' >>{{ said }}'
        ),
    },
    {
        "name": "Be broken",
        "ansible.builtin.fail": {"msg": "broken"},
        "when": "broken == inventory_hostname",
    },
]
# As the inventory of production lists them: kind by kind
PRODUCTION = ("edge-1", "edge-2", "app-blue-1", "app-blue-2", "db-1", "db-2", "db-3", "monitor-1")
LAB = ("edge-1", "app-blue-1", "db-1", "monitor-1")
A, B, C = (
    ["app-blue-1", "db-1", "edge-1", "monitor-1"], ["app-blue-2", "db-2", "edge-2"], ["db-3"],
)  # fmt: skip


SAY = {"base": 2, "postgres": 1, "edge": 1, "app_host": 1, "grafana": 1}  # tasks of a role
ENDED = (0, 2, 4)  # well, with failures, with hosts that do not answer


def zone(host: str) -> str:
    return "abc"[int(host[-1]) - 1]


class Stage:
    """A folder with the playbooks, roles that do nothing, and an inventory."""

    def __init__(self, folder: Path, hosts: tuple[str, ...], gone: str = "") -> None:
        self.folder, self.said = folder, folder / "said"
        for name in ("site", "ready"):
            shutil.copy(ROOT / f"playbooks/{name}.yml", folder)
        for role in ROLES:
            tasks = folder / "roles" / role / "tasks"
            tasks.mkdir(parents=True)
            (tasks / "main.yml").write_text(json.dumps(TASKS[: SAY.get(role, 0)]))
        (folder / "roles/base/tasks/reach.yml").write_text(
            json.dumps([{"name": "Answer", "ansible.builtin.command": {"argv": ["true"]}}])
        )
        groups: dict[str, Any] = {
            name: {"hosts": {}}
            for name in ("edge", "app", "db", "monitor", "simulator", "zone_a", "zone_b", "zone_c")
        }
        for host in hosts:
            for group in (host.partition("-")[0], f"zone_{zone(host)}"):
                groups[group]["hosts"][host] = {}
        known = {h: {"ansible_connection": "local"} for h in hosts if h != gone}
        if gone:
            known[gone] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1"}
            known[gone] |= {"ansible_port": 1}  # type: ignore[dict-item] # a number among texts
        (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": known, "children": groups}}))

    def play(self, broken: str = "", *words: str) -> int:
        """Run the playbook; return its exit code."""
        told = {"said": str(self.said), "broken": broken, "wiring_monitors": ["10.0.0.1"]}
        told["ansible_python_interpreter"] = sys.executable
        env = {
            **os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_BECOME": "false",
            "ANSIBLE_HOME": str(self.folder / "home"), "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_ROLES_PATH": str(self.folder / "roles"),
        }  # fmt: skip
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i",
             str(self.folder / "hosts.yml"), "-e", json.dumps(told), *words,
             str(self.folder / "site.yml")],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode in ENDED, done.stdout + done.stderr
        return done.returncode

    def batches(self, role: str) -> list[list[str]]:
        """Return who ran a role together, batch after batch."""
        found: list[list[str]] = []
        for line in self.said.read_text().splitlines():
            name, _, batch = line.split()
            if name == role and (hosts := sorted(batch.split(","))) not in found:
                found.append(hosts)
        return found


@pytest.mark.slow  # 20 s of playbooks
def test_a_stack_in_one_zone_is_one_batch(tmp_path: Path) -> None:
    """A lab takes no longer than without zones."""
    stage = Stage(tmp_path, LAB)

    assert stage.play() == 0
    assert stage.batches("base") == [A]
    assert stage.batches("postgres") == [["db-1"]]
    assert stage.batches("app_host") == [["app-blue-1"]]


def test_a_batch_never_spans_two_zones(tmp_path: Path) -> None:
    stage = Stage(tmp_path, PRODUCTION)

    assert stage.play() == 0
    assert stage.batches("base") == [A, B, C]
    assert stage.batches("postgres") == [["db-1"], ["db-2"], ["db-3"]]
    assert stage.batches("edge") == [["edge-1"], ["edge-2"]]
    assert stage.batches("app_host") == [["app-blue-1"], ["app-blue-2"]]
    assert stage.batches("grafana") == [["monitor-1"]]


@pytest.mark.parametrize("gone", ["", "db-1"])
def test_what_fails_in_a_zone_is_not_begun_in_the_next(tmp_path: Path, gone: str) -> None:
    """Also when a host of the zone was not there before, which alone stops nothing."""
    stage = Stage(tmp_path, PRODUCTION, gone)
    zone_a = [host for host in A if host != gone]

    assert stage.play("edge-1") == (4 if gone else 2)
    assert stage.batches("base") == [zone_a]
    assert stage.batches("postgres") == stage.batches("app_host") == []
    assert stage.batches("edge") == stage.batches("grafana") == []


def test_a_host_that_does_not_answer_stops_no_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path, PRODUCTION, "db-2")

    assert stage.play() == 4
    assert stage.batches("base") == [A, ["app-blue-2", "edge-2"], C]
    assert stage.batches("postgres") == [["db-1"], ["db-3"]]
    assert stage.batches("grafana") == [["monitor-1"]]


@pytest.mark.slow  # 14 s of playbooks
def test_hosts_that_are_chosen_by_hand_are_worked_on_by_zones_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path, PRODUCTION)

    assert stage.play("", "--limit", "db-3,db-2,edge-1") == 0
    assert stage.batches("base") == [["edge-1"], ["db-2"], ["db-3"]]
