"""What every stack must show, by `facts.toml`: doors, units, versions, permissions.

Hosts are reached as the inventory says, so that the same runs on AWS:

    DASH_TEST_STACK=staging python -m pytest tests/e2e/test_conformance_e2e.py

Without that, it is the lab of the tests. Nothing is changed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra

from ops import inventory
from ops.session import Session

pytestmark = pytest.mark.lab
HERE = Path(__file__).resolve().parent
FACTS: dict[str, Any] = tomllib.loads((HERE / "facts.toml").read_text(encoding="utf-8"))
# Connects and says "open" or why not; a firewall that drops makes it wait for the time-out.
CONNECT = (
    "python3 -c \"import socket; s = socket.create_connection(('{}', {}), 3); print('open')\" "
    "2>&1 | tail -1"
)


@dataclass
class Stack:
    """A stack's hosts as testinfra sees them, by ssh as the inventory has it."""

    session: Session
    known: inventory.Hosts

    def __post_init__(self) -> None:
        """Keep one connection a host."""
        self._hosts: dict[str, Any] = {}

    @property
    def provider(self) -> str:
        """Podman or aws."""
        return str(next(iter(self.known.values()))["dash_provider"])

    def host(self, name: str) -> Any:
        """A host, on which everything is asked as root."""
        if name not in self._hosts:
            known = self.known[name]
            self._hosts[name] = testinfra.get_host(
                f"ssh://{known['ansible_user']}@{known['ansible_host']}",
                ssh_extra_args=known["ansible_ssh_common_args"],
                ssh_identity_file=known["ansible_ssh_private_key_file"],
                timeout=known.get("ansible_ssh_timeout", 10),
                sudo=True,
            )
        return self._hosts[name]

    def names(self, group: str) -> list[str]:
        """The hosts of a group of the inventory, or those that serve."""
        if group == "serving":
            edge = self.host(self.names("edge")[0])
            active = edge.check_output("cat /etc/haproxy/maps/active.map").split()[-1]
            group = f"app_{active}"
        role, _, color = group.partition("_")
        return sorted(
            name
            for name, known in self.known.items()
            if group == "all" or (known["dash_role"] == role and color in ("", known["dash_color"]))
        )

    def on(self, group: str) -> list[str]:
        """The same, where there are any; the test is passed by where there are none."""
        return self.names(group) or pytest.skip(f"{self.session.stack} has no {group}")

    def pair(self, source: str, target: str) -> tuple[Any, str]:
        """A host of a group, and the address of another one of the other group."""
        begin = self.on(source)[0]
        there = [name for name in self.on(target) if name != begin]
        return self.host(begin), str(self.known[there[0]]["dash_address"])


def facts(kind: str) -> list[Any]:
    """The facts of a kind, each as a case with a name."""
    found = []
    for fact in FACTS[kind]:
        words = [str(value) for key, value in fact.items() if key not in ("running", "command")]
        found.append(pytest.param(fact, id=" ".join(words)[:70]))
    return found


@pytest.fixture(name="stack", scope="module")
def _stack(request: pytest.FixtureRequest) -> Stack:
    name = os.environ.get("DASH_TEST_STACK")
    if name is None:
        session: Session = request.getfixturevalue("session")
    else:
        root = Path(os.environ.get("DASH_TEST_ROOT", HERE.parents[1]))
        lab = {"DASH_LAB": os.environ.get("DASH_TEST_LAB", "")}
        session = Session(stack=name, environ=lab, root=root)
    return Stack(session, inventory.hosts(session))


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest, stack: Stack) -> None:
    """Pass by what holds with another provider alone."""
    case = getattr(request.node, "callspec", None)
    fact = case.params.get("fact", {}) if case else {}
    if fact.get("provider", stack.provider) != stack.provider:
        pytest.skip(f"holds on {fact['provider']}")


@pytest.mark.parametrize("group", FACTS["groups"])
def test_a_group_has_its_hosts(stack: Stack, group: str) -> None:
    assert len(stack.names(group)) >= FACTS["groups"][group]


@pytest.mark.parametrize("group", FACTS["packages"])
def test_packages_are_of_the_versions_that_were_proved(stack: Stack, group: str) -> None:
    for name in stack.on(group):
        for package, begin in FACTS["packages"][group].items():
            assert stack.host(name).package(package).version.startswith(begin), (name, package)


@pytest.mark.parametrize("fact", facts("units"))
def test_units_run(stack: Stack, fact: dict[str, Any]) -> None:
    for name in stack.on(fact["on"]):
        units = [f"{unit}.service" for unit in fact["running"]]
        said = stack.host(name).run("systemctl is-active " + " ".join(units)).stdout.split()
        assert dict(zip(units, said, strict=True)) == dict.fromkeys(units, "active"), name


def listening(host: Any) -> Iterator[int]:
    """The ports of a host that others could reach but for its firewall."""
    for line in host.check_output("ss -Hltn").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        if not address.startswith(("127.", "[::1]", "[::ffff:127.")):
            yield int(port)


def test_nothing_listens_that_is_not_named(stack: Stack) -> None:
    for name, known in stack.known.items():
        wanted = {*FACTS["listening"]["all"], *FACTS["listening"].get(known["dash_role"], [])}
        assert set(listening(stack.host(name))) <= wanted, name


@pytest.mark.parametrize("fact", facts("open"))
def test_what_must_be_open_is(stack: Stack, fact: dict[str, Any]) -> None:
    host, address = stack.pair(fact["from"], fact["to"])
    assert host.check_output(CONNECT.format(address, fact["port"])) == "open"


@pytest.mark.parametrize("fact", facts("closed"))
def test_what_is_nobodys_business_is_closed(stack: Stack, fact: dict[str, Any]) -> None:
    host, address = stack.pair(fact["from"], fact["to"])
    said = host.check_output(CONNECT.format(address, fact["port"]))
    assert "timed out" in said or "refused" in said, fact["why"]


def test_ssh_is_set_as_it_should(stack: Stack) -> None:
    for name in stack.known:
        lines = stack.host(name).check_output("sshd -T").splitlines()
        said = dict(line.split(" ", 1) for line in lines if " " in line)
        assert {key: said.get(key) for key in FACTS["sshd"]} == FACTS["sshd"], name


@pytest.mark.parametrize("fact", facts("files"))
def test_secrets_are_for_their_owner_alone(stack: Stack, fact: dict[str, Any]) -> None:
    for name in stack.on(fact["on"]):
        found = stack.host(name).run(f"find {fact['path']} -type f -printf '%m %u\\n'").stdout
        assert {*found.split("\n")} - {""} == {f"{fact['mode'].lstrip('0')} {fact['user']}"}, name


@pytest.mark.parametrize("fact", facts("says"))
def test_a_host_says_what_it_should(stack: Stack, fact: dict[str, Any]) -> None:
    for name in stack.on(fact["on"]):
        said = stack.host(name).run("sh -c %s", fact["command"]).stdout.strip()
        assert said == fact.get("exactly", said), (name, fact["why"])
        assert fact.get("contains", "") in said, (name, fact["why"])


@pytest.fixture(name="serving", scope="module")
def _serving(stack: Stack) -> Any:
    """An application host that serves."""
    return stack.host(stack.on("serving")[0])


@pytest.fixture(name="status", scope="module")
def _status(serving: Any) -> dict[str, str]:
    """What the kernel says of the service's process: /proc/PID/status by name."""
    pid = serving.check_output("systemctl show --property MainPID --value dash-app")
    lines = serving.check_output(f"cat /proc/{pid}/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_service_has_no_privilege_to_lose(status: dict[str, str], serving: Any) -> None:
    """Not root, no capability, none to be gained, system calls filtered: seen by the kernel."""
    assert serving.user("dash").uid == int(status["Uid"].split()[0]) != 0
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_the_service_can_write_to_nothing_but_its_state(
    status: dict[str, str], serving: Any
) -> None:
    """In its own view of the file system the root is read-only."""
    mounts = serving.check_output(f"cat /proc/{status['Pid']}/mountinfo").splitlines()
    options = {m.split()[4]: m.split()[5].split(",")[0] for m in mounts}
    assert options["/"] == "ro"
    assert options["/var/lib/dash-app"] == "rw"


@pytest.mark.parametrize(
    ("setting", "files"),
    [
        # control groups of version 2, and of version 1
        ("MemoryMax", ("memory.max", "memory.limit_in_bytes")),
        ("TasksMax", ("pids.max",)),
    ],
)
def test_a_leak_ends_at_a_bound_that_the_kernel_keeps(
    serving: Any, setting: str, files: tuple[str, ...]
) -> None:
    """What the unit says of memory and tasks stands in its control group."""
    names = " -o ".join(f"-name {name}" for name in files)
    found = f"find /sys/fs/cgroup -path '*/dash-app.service/*' \\( {names} \\)"
    said = serving.check_output(f"systemctl show --property {setting} --value dash-app")
    kept = [serving.check_output(f"cat {path}") for path in serving.check_output(found).split()]

    assert kept == [said]
    assert said.isdigit()


def test_no_secret_stands_in_the_environment(status: dict[str, str], serving: Any) -> None:
    """Secrets reach the service as credentials alone. They are looked for by their files."""
    files = serving.check_output("find /etc/dash/credentials -type f -size +0").split()
    assert len(files) >= 3
    environment = f"/proc/{status['Pid']}/environ"
    for path in files:
        looked = serving.run(f"grep -rlaFf {path} /etc/dash/current/ /opt/dash {environment}")
        assert (looked.rc, looked.stdout) == (1, ""), path
