"""Running podman: settings found by trying, and complaints of one line."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from infra.podman import image, runtime
from infra.podman.runtime import PodmanError

PODMAN = """#!/bin/sh
echo "$CONTAINERS_CONF $*" >>"{folder}/calls"
case $1 in
--version) cat "{folder}/version" ;;
run) {run} ;;
*) {other} ;;
esac
"""


class Machine:
    """A podman on PATH that works, or not, as a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upgrade("podman version 4.3.1")
        self.behave()

    def behave(self, run: str = "exit 0", other: str = "exit 0") -> None:
        text = PODMAN.format(folder=self.folder, run=run, other=other)
        (self.folder / "podman").write_text(text)
        (self.folder / "podman").chmod(0o755)

    def upgrade(self, version: str) -> None:
        (self.folder / "version").write_text(f"{version}\n")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def runs(self) -> int:
        return sum(" run --rm" in call for call in self.calls)


@pytest.fixture(name="machine")
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "SBIN", ())
    monkeypatch.setattr(runtime, "as_root", lambda *words: list(words))
    return Machine(tmp_path)


def test_an_ordinary_machine_keeps_podman_s_own_runtime(machine: Machine) -> None:
    runtime.probe("image")

    text = runtime.configuration().read_text()
    assert "runtime" not in text
    assert "default_ulimits" not in text
    assert 'base_hosts_file = "none"' in text
    assert machine.runs() == 1


def test_a_machine_with_cgroup_v1_gets_runc_and_its_own_limits(machine: Machine) -> None:
    machine.behave(run='grep -q runc "$CONTAINERS_CONF" && grep -q ulimits "$CONTAINERS_CONF"')
    runtime.probe("image")

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = runtime.ENOUGH if hard == resource.RLIM_INFINITY else min(hard, runtime.ENOUGH)
    text = runtime.configuration().read_text()
    assert 'runtime = "runc"' in text
    assert f'"nofile={files}:{files}"' in text
    assert machine.runs() == 4


def test_what_was_found_is_kept(machine: Machine) -> None:
    runtime.probe("image")
    runtime.probe("image")

    assert machine.runs() == 1


def test_another_podman_is_tried_again(machine: Machine) -> None:
    runtime.probe("image")
    machine.upgrade("podman version 5.4.2")
    runtime.probe("image")

    assert machine.runs() == 2
    assert "5.4.2" in runtime.configuration().read_text()


def test_later_commands_use_what_was_found(machine: Machine) -> None:
    runtime.probe("image")
    runtime.podman("ps")

    assert machine.calls[-1] == f"{runtime.configuration()} ps"


def test_a_machine_that_runs_nothing_says_podman_s_reason(machine: Machine) -> None:
    machine.behave(run="echo 'Error: cgroups in hybrid mode not supported' >&2; exit 126")

    with pytest.raises(PodmanError, match=r"cannot run containers: podman run: cgroups"):
        runtime.probe("image")
    assert list(runtime.cache().iterdir()) == []


def test_limits_are_never_above_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_NOFILE: (1, 4096), resource.RLIMIT_NPROC: (1, -1)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)

    assert 'default_ulimits = ["nofile=4096:4096", "nproc=20000:20000"]' in runtime.candidates()[-1]


def test_no_podman_says_what_to_type(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.folder / "podman").unlink()
    (machine.folder / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(machine.folder))

    with pytest.raises(PodmanError, match=r"podman is not installed\. Next: \./dash doctor"):
        runtime.podman("ps")


def test_a_podman_that_hangs_is_given_up(machine: Machine) -> None:
    machine.behave(other="exec sleep 5")

    with pytest.raises(PodmanError, match="podman ps gave no answer within 0 s"):
        runtime.podman("ps", timeout=0.2)


def test_the_complaint_is_the_last_line_without_noise(machine: Machine) -> None:
    noise = "time=x level=error msg=failed to connect to syslog"
    machine.behave(other=f"echo 'Error: no such container x' >&2; echo '{noise}' >&2; exit 1")

    with pytest.raises(PodmanError, match=r"^podman inspect: no such container x$"):
        runtime.podman("inspect", "x")


def test_a_failure_that_is_expected_returns_what_was_printed(machine: Machine) -> None:
    machine.behave(other="echo starting; exit 1")

    assert runtime.podman("exec", check=False) == "starting\n"


def test_a_user_goes_through_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert runtime.as_root("podman", "ps") == ["sudo", "-n", "podman", "ps"]


def test_a_password_that_sudo_wants_is_told() -> None:
    said = runtime.reason("ps", "sudo: a password is required\n")

    assert said == runtime.NEED_ROOT


def test_the_image_s_tag_follows_its_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.tag()
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "cowsay"))

    assert image.tag() != before
    assert image.tag().startswith("localhost/dash-host:")


def test_an_image_that_is_there_is_not_built(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.behave(other="echo 1a2b3c")
    monkeypatch.setattr(image, "_build", lambda _name: pytest.fail("it was built"))

    assert image.ensure() == image.tag()
    assert runtime.configuration().exists()


def test_a_full_disk_is_told_before_the_build(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.folder / "mmdebstrap").write_text("#!/bin/sh\nexit 9\n")
    (machine.folder / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(machine.folder))
    monkeypatch.setattr(image, "SPACE", 1 << 60)

    with pytest.raises(image.ImageError, match="MiB left and the host image takes"):
        image.ensure()


def test_a_failed_build_tells_apt_s_own_words(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "echo 'Err:1 http://m trixie: cannot resolve' >&2; echo 'E: apt failed' >&2; exit 100"
    (machine.folder / "mmdebstrap").write_text(f"#!/bin/sh\ncat >{machine.folder}/in\n{words}\n")
    (machine.folder / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(machine.folder))

    with pytest.raises(
        image.ImageError, match=r"could not be built: Err:1 http://m trixie: cannot"
    ):
        image.ensure()
    assert " trixie-security main" in (machine.folder / "in").read_text()


def test_no_mmdebstrap_says_what_to_type(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.folder))
    monkeypatch.setattr(image, "exists", lambda _name: False)

    with pytest.raises(image.ImageError, match=r"mmdebstrap is not installed\. Next: \./dash"):
        image.ensure()
