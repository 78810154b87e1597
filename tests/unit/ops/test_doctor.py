"""Every fault of machine or stack is named with what mends it."""

from __future__ import annotations

import json
import shutil
import socket
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ops import doctor, preflight
from ops.doctor import Level
from tests.unit.ops.test_view import facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.ops.conftest import Checkout


def test_missing_packages_come_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preflight, "missing", lambda: ["podman", "runc"])
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1000)
    check = doctor.packages()

    assert check.level is Level.BROKEN
    assert check.seen == "missing: podman runc"
    assert check.mend == "sudo apt-get install -y --no-install-recommends podman runc"


def test_all_packages_there_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "missing", list)

    assert doctor.packages().level is Level.OK


@pytest.mark.parametrize(
    ("gib", "level"), [(1, Level.BROKEN), (2.9, Level.BROKEN), (5, Level.WARN), (50, Level.OK)]
)
def test_the_disk_is_judged_by_what_a_lab_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gib: float, level: Level
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=gib * doctor.GIB))
    check = doctor.disk(tmp_path / "not" / "there" / "yet")

    assert (check.level, bool(check.mend)) == (level, level is not Level.OK)
    assert str(tmp_path) in check.seen


@pytest.mark.parametrize(
    ("kib", "level"), [(500_000, Level.BROKEN), (1_000_000, Level.WARN), (9_000_000, Level.OK)]
)
def test_memory_is_judged_by_what_a_lab_needs(kib: int, level: Level) -> None:
    assert doctor.memory(f"MemTotal: 1 kB\nMemAvailable:   {kib} kB\n").level is level


def test_memory_that_cannot_be_read_is_not_called_fine() -> None:
    assert doctor.memory("").level is Level.BROKEN


def test_a_clock_behind_the_newest_commit_is_broken(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = int(time.time()) + 3600
    monkeypatch.setattr(
        doctor.subprocess, "run",
        lambda *_, **__: SimpleNamespace(returncode=0, stdout=f"{newest}\n"),
    )  # fmt: skip

    assert doctor.clock(checkout.root).level is Level.BROKEN


@pytest.mark.parametrize(("kept", "level"), [("no", Level.WARN), ("yes", Level.OK), ("", Level.OK)])
def test_a_clock_that_nobody_keeps_is_a_warning(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, kept: str, level: Level
) -> None:
    monkeypatch.setattr(doctor, "_output", lambda _: kept)

    assert doctor.clock(checkout.root).level is level


@pytest.fixture(name="taken")
def _taken() -> Any:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_names_its_holder(taken: int) -> None:
    (check,) = doctor.ports({"https": taken}, ours=False)

    assert check.level is Level.BROKEN
    assert check.seen.startswith(f"{taken} (https) is held by py")
    assert "(pid " in check.seen
    assert "DASH_LAB=<name>" in check.mend


def test_a_container_that_holds_a_port_is_called_by_its_name(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "cmdline").write_text("conmon\0-c\0abc\0-n\0dash-lab-edge-1\0-s\0")
    monkeypatch.setattr(doctor, "PROCESSES", tmp_path)
    monkeypatch.setattr(doctor, "_output", lambda _: 'users:(("conmon",pid=77,fd=5))')
    (check,) = doctor.ports({"https": taken}, ours=False)

    assert check.seen == f"{taken} (https) is held by container dash-lab-edge-1"


def test_a_container_that_is_gone_has_no_name() -> None:
    assert doctor.container(1 << 30) == ""


def test_a_holder_that_cannot_be_seen_is_still_told(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_output", lambda _: "")

    assert "held by another program" in doctor.ports({"https": taken}, ours=False)[0].seen


def test_a_port_in_use_by_the_stack_itself_is_fine(taken: int) -> None:
    (check,) = doctor.ports({"https": taken}, ours=True)

    assert (check.level, check.seen) == (Level.OK, f"{taken} held by this stack")


def test_free_ports_are_one_line(taken: int) -> None:
    """The port is free again once the server is gone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    assert free != taken
    assert doctor.ports({"https": free, "http": free}, ours=False)[0].level is Level.OK


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert doctor._output(["/no/such/program"]) == ""


def test_a_sound_stack_has_a_line_for_each_host() -> None:
    checks = doctor.hosts(facts())

    assert [check.level for check in checks] == [Level.OK] * 4


@pytest.mark.parametrize(
    ("host", "fact", "level", "seen", "mend"),
    [
        ("db-1", {"unreachable": True}, Level.BROKEN, "does not answer over ssh", "./dash up"),
        (
            "db-1",
            {"unreachable": True, "why": "i-1 is stopped", "cure": "start it"},
            Level.BROKEN,
            "i-1 is stopped",
            "start it",
        ),
        ("edge-1", {"haproxy_active": False}, Level.BROKEN, "haproxy does not run",
         "./dash configure"),
        ("edge-1", {"certificate_days": 0}, Level.BROKEN, "the certificate ends in 0 days",
         "./dash configure"),
        ("edge-1", {"certificate_days": 9}, Level.WARN, "the certificate ends in 9 days",
         "./dash configure"),
        ("db-1", {"reachable": False, "why": "refused"}, Level.BROKEN,
         "database and ledger do not answer: refused", "./dash up"),
        ("app-blue-1", {"unit": "failed", "ready": False}, Level.BROKEN,
         "dash-app is failed, not ready", "./dash logs app-blue-1"),
        ("app-green-1", {"unit": "inactive", "ready": False}, Level.WARN,
         "dash-app is inactive, not ready", "./dash logs app-green-1"),
        ("app-blue-1", {"disk_free_mib": 100}, Level.BROKEN, "100 MiB of disk left",
         "./dash shell app-blue-1"),
        ("app-blue-1", {"disk_free_mib": 900}, Level.WARN, "900 MiB of disk left",
         "./dash shell app-blue-1"),
    ],
)  # fmt: skip
def test_each_fault_of_a_host_is_named_with_its_cure(
    host: str, fact: dict[str, Any], level: Level, seen: str, mend: str
) -> None:
    stack = facts()
    stack[host] |= fact
    (check,) = [check for check in doctor.hosts(stack) if check.name == host]

    assert (check.level, check.seen, check.mend) == (level, seen, mend)


def test_an_empty_colour_is_no_fault() -> None:
    stack = facts()
    stack["app-green-1"] |= {"current": None, "unit": "inactive", "ready": False}

    checks = doctor.hosts(stack)

    assert {check.level for check in checks} == {Level.OK}
    assert [c.seen for c in checks if c.name == "app-green-1"] == ["answers, has no release"]


class Podman:
    """What podman answers to `images` and `run`."""

    def __init__(self) -> None:
        self.images: tuple[int, str, str] | None = (0, "abc\nabc\n", "")
        self.run: tuple[int, str, str] | None = (0, "", "")
        self.asked: list[list[str]] = []

    def __call__(self, argv: list[str]) -> Any:
        self.asked.append(argv)
        answer = self.images if "images" in argv else self.run
        return answer and SimpleNamespace(returncode=answer[0], stdout=answer[1], stderr=answer[2])


@pytest.fixture(name="podman")
def _podman(monkeypatch: pytest.MonkeyPatch) -> Podman:
    podman = Podman()
    monkeypatch.setattr(doctor, "_run", podman)
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1000)
    return podman


def test_podman_is_tried_by_running_a_container_with_the_settings_found(
    podman: Podman, tmp_path: Path
) -> None:
    conf = tmp_path / "containers.conf"
    conf.touch()

    assert doctor.podman(conf).level is Level.OK
    assert " ".join(podman.asked[-1]) == (
        f"sudo -n env CONTAINERS_CONF={conf} podman run --rm --network none abc /bin/true"
    )


def test_a_container_that_does_not_run_tells_why(podman: Podman, tmp_path: Path) -> None:
    podman.run = (126, "", "failed to connect to syslog\nError: crun: no cgroups\n")
    check = doctor.podman(tmp_path / "containers.conf")

    assert (check.level, check.seen) == (
        Level.BROKEN, "a container does not run: crun: no cgroups"
    )  # fmt: skip
    assert "CONTAINERS_CONF" not in " ".join(podman.asked[-1])


@pytest.mark.parametrize(
    ("images", "level", "seen"),
    [
        (None, Level.BROKEN, "it cannot be run"),
        ((1, "", "sudo: a password is required"), Level.BROKEN, "sudo: a password is required"),
        ((1, "", ""), Level.BROKEN, "it gave no reason"),
        ((0, "", ""), Level.NOTE, "answers; no host image yet to try"),
    ],
)
def test_podman_without_an_image_is_asked_for_its_images(
    podman: Podman, tmp_path: Path, images: tuple[int, str, str] | None, level: Level, seen: str
) -> None:
    podman.images = images
    check = doctor.podman(tmp_path)

    assert (check.level, check.seen, len(podman.asked)) == (level, seen, 1)


def test_podman_that_hangs_is_broken(podman: Podman, tmp_path: Path) -> None:
    podman.run = None

    assert doctor.podman(tmp_path).seen == "a container does not run: it gave no answer"


@pytest.mark.parametrize(
    ("stack", "overrides", "asked"),
    [("lab", None, True), ("staging", None, False), ("staging", {"provider": "podman"}, True),
     ("lab", {"app_hosts": 2}, True)],
)  # fmt: skip
@pytest.mark.usefixtures("sound")
def test_podman_is_looked_at_where_hosts_come_from_it(
    checkout: Checkout, podman: Podman, stack: str, overrides: object, *, asked: bool
) -> None:
    checkout.stack = stack
    stacks = checkout.root / "infra" / "stacks"
    stacks.mkdir(parents=True)
    provider = "podman" if stack == "lab" else "aws"
    (stacks / f"Pulumi.{stack}.yaml").write_text(f'config:\n  dash:provider: "{provider}"\n')
    if overrides:
        checkout.state.mkdir(parents=True)
        (checkout.state / "overrides.json").write_text(json.dumps(overrides))
    checkout.dash("doctor", "--stack", stack)

    assert any("podman" in argv for argv in podman.asked) is asked


@pytest.fixture(name="sound")
def _sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "missing", list)
    monkeypatch.setattr(doctor, "_is_free", lambda _: True)
    monkeypatch.setattr(doctor, "disk", lambda _: doctor.Check("disk", Level.OK, "much"))
    monkeypatch.setattr(doctor, "memory", lambda _: doctor.Check("memory", Level.OK, "much"))


def known_to_pulumi(checkout: Checkout) -> None:
    stacks = checkout.state / "pulumi/.pulumi/stacks/dash"
    stacks.mkdir(parents=True)
    (stacks / "lab.json").touch()


@pytest.mark.usefixtures("sound")
def test_a_machine_without_a_stack_is_no_fault(checkout: Checkout) -> None:
    code, out, _ = checkout.dash("doctor", "--json")
    document = json.loads(out)

    assert (code, document["broken"]) == (0, False)
    assert document["checks"][-1] == {
        "name": "stack", "level": "note", "seen": "not up", "mend": "./dash --stack lab up"
    }  # fmt: skip


@pytest.mark.usefixtures("sound")
def test_a_broken_host_makes_doctor_end_with_1(checkout: Checkout) -> None:
    known_to_pulumi(checkout)
    stack = facts()
    stack["edge-1"]["haproxy_active"] = False
    checkout.writes("status.json", {"facts": stack, "ledger": []})
    code, out, _ = checkout.dash("doctor")

    assert code == 1
    assert "haproxy does not run" in out
    assert "./dash configure" in out


@pytest.mark.usefixtures("sound")
def test_a_stack_that_cannot_be_asked_is_broken(checkout: Checkout) -> None:
    known_to_pulumi(checkout)
    checkout.ansible("echo 'ERROR! no hosts'; exit 1")
    code, out, _ = checkout.dash("doctor")

    assert code == 1
    assert "no hosts" in out


@pytest.mark.parametrize(("provider", "ours"), [("aws", True), ("podman", False)])
def test_what_aws_needs_is_looked_for_on_its_stacks_alone(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, provider: str, ours: bool
) -> None:
    """And ports of this machine where something of the stack is published here."""
    file = checkout.root / "infra/stacks/Pulumi.staging.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"config:\n  dash:provider: {provider}\n  dash:region: eu-central-1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(doctor, "podman", lambda _: doctor.Check("podman", Level.OK, "x"))
    _, said, _ = checkout.dash("--stack", "staging", "--json", "doctor")
    names = {check["name"]: check for check in json.loads(said)["checks"]}

    wanted = {"credentials", "session-manager-plugin", "aws"}
    assert wanted & names.keys() == (wanted if ours else set())
    assert ("podman" in names, "ports" in names) == (not ours, not ours)
    if ours:
        assert names["credentials"]["seen"] == "no AWS credentials are set"
