"""The progress callback under a real ansible-playbook."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.callback import progress

ROOT = Path(__file__).resolve().parents[3]
SECRET = "hunter2"  # pragma: allowlist secret
PLAYBOOK = """
- name: Release
  hosts: a:b
  gather_facts: false
  tasks:
    - name: 1 preflight | Look
      ansible.builtin.set_fact: {seen: true}
    - name: 1 preflight | Look again
      ansible.builtin.assert: {that: [true], quiet: true}
      changed_when: true
    - name: 2 lease | Left out
      ansible.builtin.set_fact: {seen: true}
      when: false
    - name: 3 prober | Fail and go on
      ansible.builtin.fail: {msg: never mind}
      ignore_errors: true
    - name: 4 plan | Say it
      ansible.builtin.debug: {msg: [the plan, of two lines, "Next: ./dash promote"]}
    - name: Judge
      block:
        - name: 6 prove | Judge the preview
          ansible.builtin.fail: {msg: "5 of 100 failed\\nand a second line"}
          when: inventory_hostname == 'b'
      rescue:
        - name: 7 undo | Go back
          ansible.builtin.set_fact: {seen: true}
    - name: 8 loop | Each
      ansible.builtin.fail: {msg: "item {{ item }} is bad"}
      loop: [1, 2]
      failed_when: item == 2
      ignore_errors: true
    - name: Bring in more
      ansible.builtin.import_role: {name: edge}
- name: Nobody
  hosts: a:!a
  tasks: []
- name: After
  hosts: all
  gather_facts: false
  tasks:
    - name: reach | Ping
      ansible.builtin.ping:
      vars: {ansible_connection: ssh, ansible_ssh_executable: /bin/false}
      when: inventory_hostname == 'far'
    - name: A task without a step
      ansible.builtin.set_fact: {seen: true}
    - name: 9 hide | Log in
      ansible.builtin.fail: {msg: hunter2}
      no_log: true
"""
ROLE = """
- name: configure | Write the unit file
  ansible.builtin.set_fact: {seen: true}
"""


@dataclass(frozen=True)
class Run:
    """What a run of the playbook left behind."""

    code: int
    text: str
    events: list[dict[str, Any]]
    timings: dict[str, float]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def line(self, start: str) -> str:
        """Return the one line that begins so."""
        (found,) = [line for line in self.lines if line.startswith(start)]
        return found


def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    env |= {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_ROLES_PATH": str(folder / "roles"),
        "ANSIBLE_STDOUT_CALLBACK": "dash.platform.progress",
        "ANSIBLE_DASH_TIMINGS": str(folder / "timings.json"),
        "ANSIBLE_DASH_EVENTS": str(folder / "events"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
    }
    ansible = Path(sys.executable).with_name("ansible-playbook")
    return [str(ansible), "-i", "hosts", "-c", "local", "deploy.yml"], env


def prepare(folder: Path) -> None:
    (folder / "ansible.cfg").touch()
    (folder / "deploy.yml").write_text(PLAYBOOK)
    (folder / "hosts").write_text("a\nb\nfar\n[all:vars]\ndash_stack=staging\n")
    tasks = folder / "roles" / "edge" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(ROLE)


def collect(folder: Path, code: int, text: str) -> Run:
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    return Run(code, text, events, json.loads((folder / "timings.json").read_text()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the playbook with its output in a pipe."""
    folder = tmp_path_factory.mktemp("plain")
    prepare(folder)
    (folder / "timings.json").write_text(
        json.dumps({"up image": 75.0, "deploy | 1 preflight": 312.4, "deploy | 4 plan": "x"})
    )
    argv, env = command(folder)
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return collect(folder, done.returncode, done.stdout)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the playbook on a pseudo terminal."""
    folder = tmp_path_factory.mktemp("terminal")
    prepare(folder)
    argv, env = command(folder)
    env.pop("COVERAGE_PROCESS_CONFIG", None)  # measured once is enough, and slow
    ours, theirs = pty.openpty()
    with subprocess.Popen(argv, cwd=folder, env=env, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while chunk := _read(ours):
            text += chunk
    os.close(ours)
    return collect(folder, process.returncode, text.decode())


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def test_tasks_of_a_step_are_one_line(plain: Run) -> None:
    assert re.fullmatch(
        r"✓ 1 preflight +\d+\.\d s  \(last time 5 min 12 s\)  2 changed",
        plain.line("✓ 1 preflight"),
    )


def test_skipped_step_has_no_line(plain: Run) -> None:
    assert "2 lease" not in plain.text


def test_ignored_failure_is_no_failure(plain: Run) -> None:
    assert re.fullmatch(r"✓ 3 prober +\d+\.\d s", plain.line("✓ 3 prober"))
    assert "never mind" not in plain.text
    assert plain.line("✓ 8 loop")


def test_debug_is_passed_on_once(plain: Run) -> None:
    said = "the plan\nof two lines\nNext: ./dash --stack staging promote\n"
    assert plain.text.count(said) == 1


def test_failure_names_host_task_and_first_line(plain: Run) -> None:
    line = plain.line("✗ 6 prove")
    assert line.endswith("  b: Judge the preview: 5 of 100 failed")
    assert "second line" not in plain.text


def test_rescue_is_a_step_of_its_own(plain: Run) -> None:
    assert plain.lines.index(plain.line("✓ 7 undo")) == (
        plain.lines.index(plain.line("✗ 6 prove")) + 1
    )


def test_step_of_a_role_carries_its_name(plain: Run) -> None:
    assert plain.line("✓ edge · configure")


def test_task_without_a_step_is_its_own(plain: Run) -> None:
    assert plain.line("✓ A task without a step")


def test_play_without_hosts_is_said(plain: Run) -> None:
    assert plain.line("- no host matches this play")


def test_secrets_are_not_shown(plain: Run) -> None:
    line = plain.line("✗ 9 hide")
    assert line.endswith("  a, b: Log in: the output is hidden (no_log)")
    assert SECRET not in plain.text
    assert SECRET not in json.dumps(plain.events)


def test_recap_counts_and_comes_last(plain: Run) -> None:
    assert plain.code != 0
    assert re.fullmatch(
        r"deploy: changed=2 failed=2 unreachable=1 rescued=1 in \d+\.\d s", plain.lines[-1]
    )


def test_pipe_gets_plain_text(plain: Run) -> None:
    assert "\x1b" not in plain.text
    assert "\r" not in plain.text
    assert len(plain.lines) < 20


def test_times_of_good_steps_are_kept_beside_what_others_keep(plain: Run) -> None:
    assert plain.timings["up image"] == 75
    assert 0 <= plain.timings["deploy | 1 preflight"] < 60
    assert isinstance(plain.timings["deploy | 4 plan"], float)
    assert plain.timings.keys() >= {"deploy | edge · configure", "deploy | 7 undo"}
    assert not plain.timings.keys() & {"deploy | 2 lease", "deploy | 6 prove", "deploy | 9 hide"}


def test_events_tell_the_start_of_each_step_and_each_result(plain: Run) -> None:
    started = [e["step"] for e in plain.events if e["status"] == "started"]
    assert list(dict.fromkeys(started)) == [
        "1 preflight", "2 lease", "3 prober", "4 plan", "6 prove", "7 undo", "8 loop",
        "edge · configure", "reach", "A task without a step", "9 hide",
    ]  # fmt: skip
    assert {tuple(sorted(e)) for e in plain.events} == {
        ("host", "msg", "status", "step", "t", "task")
    }
    proved = [(e["host"], e["status"]) for e in plain.events if e["step"] == "6 prove"]
    assert ("b", "failed") in proved
    assert ("a", "skipped") in proved
    ignored = [e for e in plain.events if e["step"] == "3 prober" and e["status"] == "ignored"]
    assert {e["msg"] for e in ignored} == {"never mind"}
    assert plain.events[-1]["status"] == "ended"
    assert plain.events[-1]["msg"] == "changed=2 failed=2 unreachable=1 rescued=1"


def test_terminal_shows_the_running_step_in_colour(terminal: Run) -> None:
    assert re.search(r"\r\x1b\[K… 1 preflight +0\.0 s  Look", terminal.text)
    assert re.search(r"\r\x1b\[K\x1b\[0;33m✓ 1 preflight .*2 changed\x1b\[0m\r\n", terminal.text)
    assert re.search(r"\x1b\[0;31m✗ 6 prove .*5 of 100 failed", terminal.text)
    assert all(len(part) < 80 for part in re.findall(r"\r\x1b\[K(…[^\r]*)", terminal.text))
    assert SECRET not in terminal.text


def test_unreachable_host_is_one_line(plain: Run) -> None:
    assert "  far: unreachable: " in plain.line("✗ reach")
    assert [e["status"] for e in plain.events if e["host"] == "far"] == ["running", "unreachable"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"),
     (312.4, "5 min 12 s")],
)  # fmt: skip
def test_durations_for_people(value: float, said: str) -> None:
    assert progress.seconds(value) == said


@pytest.mark.parametrize(
    ("name", "role", "names"),
    [
        ("6 prove | Judge", "release", ("6 prove", "Judge")),
        ("configure | Write | it", "edge", ("edge · configure", "Write | it")),
        ("configure | Write", "", ("configure", "Write")),
        ("Gather", "edge", ("edge", "Gather")),
        ("Gather", "", ("Gather", "Gather")),
    ],
)
def test_step_and_task_of_a_name(name: str, role: str, names: tuple[str, str]) -> None:
    assert progress.split_name(name, role) == names


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "a\nb"}, "a"),
        ({"msg": "\n  a  \n"}, "a"),
        ({"msg": "x" * 400}, "x" * 299 + "…"),
        ({"msg": "a", "stderr": "b"}, "a"),
        ({"msg": "The command exited with a non-zero return code.", "stderr": "x\nno disk\n"},
         "The command exited with a non-zero return code.: no disk"),
        ({"module_stderr": "Traceback\nKeyError: 'x'\n"}, "KeyError: 'x'"),
        ({"results": [{"msg": "fine"}, {"failed": True, "msg": "bad"}], "msg": "some"}, "bad"),
        ({"reason": "Conditional result was False"}, "Conditional result was False"),
        ({"msg": ""}, "it gave no reason"),
        ({"msg": "pw", "censored": "hidden"}, "the output is hidden (no_log)"),
    ],
)  # fmt: skip
def test_reason_is_one_line(result: dict[str, Any], said: str) -> None:
    assert progress.message(result) == said


def test_times_that_cannot_be_kept_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("[]")
    for timings in (progress.Timings(None), progress.Timings(path / "timings.json")):
        timings.add("x", 1)
        timings.save()
        assert timings.last("x") is None
    timings = progress.Timings(path)
    assert timings.last("x") is None
    timings.add("x", 1)
    timings.add("x", 2)
    timings.save()
    assert timings.last("x") == 3
    assert list(tmp_path.iterdir()) == [path]
