"""What `ansible.cfg` promises of every playbook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = """
- hosts: all
  become: false
  tasks:
    - ansible.builtin.command: "true"
      notify: Restart what was changed
    - ansible.builtin.command: "false"
  handlers:
    - name: Restart what was changed
      ansible.builtin.file: {path: "{{ playbook_dir }}/restarted", state: touch, mode: "0600"}
"""


def test_what_was_changed_is_restarted_though_a_later_step_fails(tmp_path: Path) -> None:
    """The next run finds it changed already, and would never do it."""
    file = tmp_path / "play.yml"
    file.write_text(PLAYBOOK, encoding="utf-8")
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    here = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(
        [program, *here, str(file)],
        cwd=ROOT, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip

    assert done.returncode == 2, done.stderr
    assert (tmp_path / "restarted").exists(), done.stdout
