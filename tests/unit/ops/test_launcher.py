"""The real `dash` script, with pythons of our making on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = (
    "apt-get", "basename", "cat", "dirname", "flock", "grep", "id", "mkdir", "readlink",
    "sha256sum", "sudo",
)  # fmt: skip

# Answers the launcher's questions like a Python of that version; `venv` makes a fake of itself.
PYTHON = """#!/bin/sh
echo "$0 $*" >>"$CALLS"
case "$*" in
  -V) echo "Python {version}" ;;
  *version_info*3,\\ 12*) exit {too_old} ;;
  *"import ensurepip, venv"*) [ -z "{lacks_venv}" ] || [ -e "$CALLS.installed" ] ;;
  *"import pip"*) [ ! -e "$CALLS.nopip" ] ;;
  *python%d.%d-venv*) echo python{version}-venv ;;
  "-m venv --clear "*)
    rm -rf "$4"; mkdir -p "$4/bin" "$4/lib/python{version}/site-packages"
    cp "$0" "$4/bin/python"; echo "#!$4/bin/python" >"$4/bin/pip" ;;
  *"-m pip install"*bootstrap.txt*)
    [ ! -e "$CALLS.nouv" ] || exit 1
    cp "$CALLS.uv" "$(dirname "$0")/uv" ;;
  *"-m pip install"*) [ ! -e "$CALLS.offline" ] ;;
  "-P -m ops"*)
    echo "$PYTHONDONTWRITEBYTECODE:$PYTHONPYCACHEPREFIX" >"$CALLS.bytecode"
    shift 3; for word in "$@"; do echo "word:$word"; done; exit 7 ;;
  *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >>"$CALLS"
[ ! -e "$CALLS.offline" ] && [ ! -e "$CALLS.uvbroken" ]
"""


@dataclass
class Machine:
    """A checkout with the launcher, and a PATH that holds only what a test puts there."""

    root: Path
    bin: Path
    home: Path
    calls_file: Path

    def python(
        self,
        name: str,
        version: str,
        *,
        folder: Path | None = None,
        too_old: bool = False,
        lacks_venv: bool = False,
    ) -> None:
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            PYTHON.replace("{version}", version)
            .replace("{too_old}", "1" if too_old else "0")
            .replace("{lacks_venv}", "yes" if lacks_venv else "")
        )
        path.chmod(0o755)

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def flag(self, name: str) -> Path:
        path = self.calls_file.with_name(f"calls.{name}")
        path.touch()
        return path

    def run(
        self,
        *words: str,
        launcher: Path | None = None,
        cwd: Path | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        self.calls_file.write_text("")
        return subprocess.run(
            [str(launcher or self.root / "dash"), *words],
            cwd=cwd or self.home,
            text=True,
            capture_output=True,
            check=False,
            timeout=20,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": str(self.bin),
                "HOME": str(self.home),
                "CALLS": str(self.calls_file),
                **variables,
            },
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()

    def installs(self) -> list[str]:
        return [call for call in self.calls if call.startswith("uv ") or "pip install" in call]


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    root, folder, home = tmp_path / "a checkout", tmp_path / "bin", tmp_path / "home"
    for directory in (root / "requirements", folder, home):
        directory.mkdir(parents=True)
    shutil.copy(ROOT / "dash", root / "dash")
    for part in ("bootstrap", "ops", "test"):
        (root / "requirements" / f"{part}.txt").write_text(f"{part}==1\n")
    for tool in (*TOOLS, "sh", "rm", "cp", "ls"):
        if tool not in ("apt-get", "sudo"):
            found = shutil.which(tool)
            assert found, tool
            (folder / tool).symlink_to(found)
    machine = Machine(root, folder, home, tmp_path / "calls")
    (tmp_path / "calls.uv").write_text(UV)
    (tmp_path / "calls.uv").chmod(0o755)
    return machine


def test_a_fresh_checkout_makes_the_venv_says_so_and_runs_the_verb(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    done = machine.run("status", "two words", "")

    assert (done.returncode, done.stdout) == (7, "word:status\nword:two words\nword:\n")
    assert "making .dash/venv with Python 3.13" in done.stderr
    assert "installing requirements: ops" in done.stderr
    bootstrap, ops = machine.installs()
    assert "--require-hashes -r" in bootstrap
    assert bootstrap.endswith("requirements/bootstrap.txt")
    assert ops.startswith("uv pip install")
    assert "--require-hashes" in ops
    assert ops.endswith("requirements/ops.txt")


def test_the_checkout_is_importable_from_the_venv(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    (link,) = machine.root.glob(".dash/venv/lib/*/site-packages/dash-checkout.pth")

    assert link.read_text() == f"{machine.root}\n"


def test_a_second_run_only_runs_the_verb(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    done = machine.run("status")

    assert done.stderr == ""
    assert [call.split(" ", 1)[1].rpartition("venv/bin/")[2] for call in machine.calls] == [
        "python -P -m ops status"
    ]


@pytest.mark.parametrize(("none", "kept"), [("", ""), ("1", ".dash")])
def test_compiled_files_are_kept_and_where_nobody_wants_them_lie_in_dash(
    machine: Machine, none: str, kept: str
) -> None:
    machine.python("python3.13", "3.13")
    machine.run(PYTHONDONTWRITEBYTECODE=none)
    unwanted, _, prefix = machine.calls_file.with_name("calls.bytecode").read_text().partition(":")

    assert unwanted == ""
    assert prefix.strip() == (f"{machine.root}/{kept}/cache/pyc" if kept else "")


def test_changed_requirements_are_installed_into_the_venv_in_place(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    (machine.root / "requirements" / "ops.txt").write_text("ops==2\n")
    done = machine.run()

    assert "making .dash/venv" not in done.stderr
    assert "installing requirements: ops" in done.stderr


@pytest.mark.parametrize(
    "words",
    [("test",), ("--stack", "lab", "test", "unit"), ("--json", "test"), ("--stack=lab", "test")],
)
def test_the_verb_test_needs_the_tests_requirements(
    machine: Machine, words: tuple[str, ...]
) -> None:
    machine.python("python3.13", "3.13")
    machine.run(*words)

    assert machine.installs()[-1].endswith("requirements/test.txt")


@pytest.mark.parametrize("words", [("shell", "test"), ("--stack", "test"), ()])
def test_other_verbs_do_without_the_tests_requirements(
    machine: Machine, words: tuple[str, ...]
) -> None:
    machine.python("python3.13", "3.13")
    machine.run(*words)

    assert machine.installs()[-1].endswith("requirements/ops.txt")


def test_after_the_tests_an_ordinary_verb_finds_its_venv_as_it_was(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run("status")
    machine.run("test")
    machine.run("status")
    assert machine.installs() == []
    machine.run("test")
    assert machine.installs() == []


def test_a_first_run_of_the_tests_is_enough_for_all_verbs(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run("test")

    assert machine.run("status").stderr == ""


def test_changed_test_requirements_do_not_concern_other_verbs(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run("test")
    (machine.root / "requirements" / "test.txt").write_text("test==2\n")

    assert machine.run("status").stderr == ""
    assert "installing requirements: ops test" in machine.run("test").stderr


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("python3.12", "python3.13"), "3.13"),
        (("python3.14", "python3.12"), "3.12"),
        (("python3.14",), "3.14"),
    ],
)
def test_the_newest_tried_python_is_taken(
    machine: Machine, names: tuple[str, ...], chosen: str
) -> None:
    for name in names:
        machine.python(name, name.removeprefix("python"))
    done = machine.run()

    assert f"with Python {chosen}" in done.stderr


def test_a_python3_that_is_new_enough_will_do(machine: Machine) -> None:
    machine.python("python3", "3.16")

    assert "with Python 3.16" in machine.run().stderr


def test_an_old_python_on_path_loses_to_one_under_pyenv(machine: Machine) -> None:
    machine.python("python3", "3.11", too_old=True)
    machine.python("python3", "3.12", folder=machine.home / ".pyenv/versions/3.12.1/bin")

    assert "with Python 3.12" in machine.run().stderr


def test_pyenv_root_is_looked_at(machine: Machine) -> None:
    pyenv = machine.home / "else where"
    machine.python("python3", "3.13", folder=pyenv / "versions/3.13.0/bin")

    assert "with Python 3.13" in machine.run(PYENV_ROOT=str(pyenv)).stderr


def test_without_python_one_line_says_what_to_install(machine: Machine) -> None:
    machine.python("python3", "3.11", too_old=True)
    done = machine.run("up")

    assert done.returncode == 1
    assert done.stderr == (
        "dash: no Python 3.12 or newer: apt install python3-venv (Debian 13, Ubuntu 24.04) "
        "or pyenv install 3.13\n"
    )
    assert not (machine.root / ".dash/venv").exists()


def test_a_python_without_venv_gets_debians_package_after_a_word(machine: Machine) -> None:
    machine.python("python3", "3.13", lacks_venv=True)
    machine.program("id", "echo 0")
    machine.program("apt-get", 'echo "apt-get $*" >>"$CALLS"; : >"$CALLS.installed"')
    done = machine.run("up")

    assert done.returncode == 7
    assert "installing the Debian package python3.13-venv" in done.stderr
    assert "apt-get install -y -q python3.13-venv" in machine.calls


def test_without_root_the_package_is_installed_through_sudo(machine: Machine) -> None:
    machine.python("python3", "3.13", lacks_venv=True)
    machine.program("id", "echo 1000")
    machine.program("apt-get", "exit 1")
    machine.program("sudo", 'echo "sudo $*" >>"$CALLS"; : >"$CALLS.installed"')
    done = machine.run("up")

    assert "sudo may ask for your password" in done.stderr
    assert "sudo apt-get install -y -q python3.13-venv" in machine.calls
    assert done.returncode == 7


def test_a_whole_python_is_preferred_to_one_that_lacks_venv(machine: Machine) -> None:
    machine.python("python3.13", "3.13", lacks_venv=True)
    machine.python("python3.12", "3.12")

    assert "with Python 3.12" in machine.run().stderr


@pytest.mark.parametrize("apt", [True, False])
def test_a_package_that_cannot_be_had_is_named(machine: Machine, *, apt: bool) -> None:
    machine.python("python3", "3.13", lacks_venv=True)
    machine.program("id", "echo 0")
    if apt:
        machine.program("apt-get", "exit 100")
    done = machine.run("up")

    assert done.returncode == 1
    assert "install python3.13-venv" in done.stderr or "install it" in done.stderr


@pytest.mark.parametrize("flag", ["nouv", "uvbroken"])
def test_without_uv_plain_pip_installs(machine: Machine, flag: str) -> None:
    machine.python("python3.13", "3.13")
    machine.flag(flag)
    done = machine.run("status")

    assert done.returncode == 7
    assert "trying pip" in done.stderr
    assert "--require-hashes -r" in machine.installs()[-1]
    assert machine.installs()[-1].endswith("requirements/ops.txt")


def test_without_a_network_it_says_so_and_the_next_run_tries_again(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    offline = machine.flag("offline")
    done = machine.run("status")
    offline.unlink()

    assert done.returncode == 1
    assert "could not install requirements: ops" in done.stderr
    assert machine.run("status").returncode == 7


def test_a_venv_whose_making_was_cut_short_is_made_again(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    (machine.root / ".dash/venv/.stamp-ops").unlink()
    nopip = machine.flag("nopip")
    done = machine.run()
    nopip.unlink()

    assert "making .dash/venv" in done.stderr


def test_a_moved_checkout_gets_a_new_venv(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    machine.root = machine.root.rename(machine.root.with_name("moved here"))

    assert "making .dash/venv" in machine.run().stderr


def test_a_venv_whose_python_is_gone_is_made_again(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    machine.run()
    (machine.root / ".dash/venv/bin/python").unlink()

    assert "making .dash/venv" in machine.run().stderr


def test_it_works_through_links_from_anywhere(machine: Machine, tmp_path: Path) -> None:
    machine.python("python3.13", "3.13")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "first").symlink_to("../a checkout/dash")
    (tmp_path / "second").symlink_to(tmp_path / "links" / "first")
    done = machine.run("status", launcher=tmp_path / "second", cwd=Path("/"))

    assert done.returncode == 7
    assert (machine.root / ".dash/venv").is_dir()


def test_missing_requirements_are_named(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    (machine.root / "requirements" / "ops.txt").unlink()
    done = machine.run("status")

    assert done.returncode == 1
    assert done.stderr == (
        "dash: requirements/ops.txt is missing: type git checkout requirements\n"
    )


def test_two_at_once_make_one_venv(machine: Machine) -> None:
    machine.python("python3.13", "3.13")
    env = {"PATH": str(machine.bin), "HOME": str(machine.home), "CALLS": str(machine.calls_file)}
    both = [
        subprocess.Popen([str(machine.root / "dash")], env=env, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join(process.communicate(timeout=20)[1] for process in both)

    assert [process.returncode for process in both] == [7, 7]
    assert said.count("making .dash/venv") == said.count("installing requirements") == 1


def test_the_script_is_small_and_clean() -> None:
    script = ROOT / "dash"
    assert len(script.read_text().splitlines()) <= 80
    assert os.access(script, os.X_OK)
    shellcheck = shutil.which("shellcheck", path=f"{ROOT}/.dash/venv/bin:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed here: the lint suite has it")
    done = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False)

    assert done.stdout == ""
