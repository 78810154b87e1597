"""What every host of a running stack must show: least privilege, closed ports, no failed unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import testinfra

if TYPE_CHECKING:
    from tests.e2e.driver import Lab

pytestmark = pytest.mark.lab
HOSTS = ("edge-1", "app-blue-1", "app-green-1", "db-1", "monitor-1", "simulator-1")
# Connects and says "open" or why not; a firewall that drops makes it wait for the time-out.
CONNECT = (
    "python3 -c \"import socket; s = socket.create_connection(('{}', {}), 2); print('open')\" "
    "2>&1 | tail -1"
)


@pytest.fixture(name="hosts", scope="module")
def _hosts(lab: Lab) -> dict[str, Any]:
    """The lab's hosts by name, each as testinfra sees it from inside."""
    return {
        host["name"]: testinfra.get_host(f"podman://{host['container']}")
        for host in lab.outputs()["hosts"]
    }


@pytest.fixture(name="addresses", scope="module")
def _addresses(lab: Lab) -> dict[str, str]:
    return {host["name"]: host["address"] for host in lab.outputs()["hosts"]}


@pytest.fixture(name="serving", scope="module")
def _serving(lab: Lab, hosts: dict[str, Any]) -> Any:
    """The application host that serves."""
    return hosts[f"app-{lab.active()[0]}-1"]


@pytest.fixture(name="status", scope="module")
def _status(serving: Any) -> dict[str, str]:
    """What the kernel says of the service's process: /proc/PID/status by name."""
    pid = serving.check_output("systemctl show --property MainPID --value dash-app")
    lines = serving.check_output(f"cat /proc/{pid}/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.mark.parametrize("name", HOSTS)
def test_no_unit_has_failed(hosts: dict[str, Any], name: str) -> None:
    failed = hosts[name].check_output("systemctl list-units --failed --plain --no-legend")
    assert failed == ""


@pytest.mark.parametrize("name", HOSTS)
def test_ssh_takes_keys_alone(hosts: dict[str, Any], name: str) -> None:
    lines = hosts[name].check_output("sshd -T").splitlines()
    assert "passwordauthentication no" in lines
    assert "kbdinteractiveauthentication no" in lines


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


def test_no_secret_stands_in_the_environment(
    lab: Lab, status: dict[str, str], serving: Any
) -> None:
    """Secrets reach the service as credentials alone, from files that root alone may read."""
    environment = serving.check_output(f"tr '\\0' '\\n' </proc/{status['Pid']}/environ")
    for name in ("db_app_password", "db_owner_password", "key_pepper", "llm_openai"):
        secret = (lab.directory / "secrets" / name).read_text(encoding="utf-8").strip()
        assert secret not in environment
        assert serving.run(f"grep -rlF {secret} /etc/dash/current/ /opt/dash").rc == 1
    for path in serving.check_output("find /etc/dash/credentials -type f").split():
        assert serving.file(path).mode == 0o600
        assert serving.file(path).user == "root"


def test_private_keys_are_for_root_alone(hosts: dict[str, Any]) -> None:
    certificate = hosts["edge-1"].file("/etc/haproxy/certs/edge.pem")
    assert (certificate.mode, certificate.user) == (0o600, "root")
    key = hosts["db-1"].file("/etc/postgresql/17/main/server.key")
    assert key.mode == 0o600
    readable = hosts["db-1"].run("find /etc /var/lib/postgresql -name '*.key' -perm /o=r").stdout
    assert readable == ""


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("edge-1", "db-1", 5432),  # only the application talks to the database
        ("app-blue-1", "app-green-1", 8000),  # only the edge talks to the application
        ("app-blue-1", "app-green-1", 22),  # only the operator comes by ssh
        ("db-1", "edge-1", 8405),  # only the monitor reads figures
        ("app-blue-1", "monitor-1", 9090),  # only people and the monitor itself look there
        ("app-blue-1", "edge-1", 9100),  # only the monitor reads a host's figures
        ("app-blue-1", "db-1", 9187),  # and the database's
        ("monitor-1", "db-1", 5432),  # the monitor reads no rows
        ("edge-1", "simulator-1", 9101),  # only the application asks providers
        ("app-blue-1", "simulator-1", 9100),  # nobody sets faults from another host
    ],
)
def test_what_is_nobodys_business_is_closed(
    hosts: dict[str, Any], addresses: dict[str, str], source: str, target: str, port: int
) -> None:
    said = hosts[source].check_output(CONNECT.format(addresses[target], port))
    assert said != "open"
    assert "timed out" in said or "refused" in said


def test_what_must_be_open_is(hosts: dict[str, Any], addresses: dict[str, str]) -> None:
    """The same check sees an open port: closed above means closed."""
    database = hosts["app-blue-1"].check_output(CONNECT.format(addresses["db-1"], 5432))
    assert database == "open"


def test_the_applications_role_cannot_change_the_schema(hosts: dict[str, Any]) -> None:
    """The service's database role is neither a superuser nor may it create anything."""
    sql = "SET ROLE dash_app; CREATE TABLE mischief (id int)"
    done = hosts["db-1"].run(f"runuser -u postgres -- psql -qAt dash -c '{sql}'")
    assert "permission denied" in done.stderr
    sql = "SELECT rolname FROM pg_roles WHERE rolsuper"
    roles = hosts["db-1"].check_output(f"runuser -u postgres -- psql -qAt dash -c '{sql}'")
    assert roles.split() == ["postgres"]
