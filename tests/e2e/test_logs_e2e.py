"""Log lines of a running lab: all hosts', within seconds, without a secret, over a restart."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from ops import inventory, lines
from ops.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.driver import Lab

pytestmark = pytest.mark.lab
NUMBERED = 10_000


@pytest.fixture(name="hosts", scope="module")
def _hosts(session: Session) -> inventory.Hosts:
    return inventory.hosts(session)


@pytest.fixture(name="on")
def _on(hosts: inventory.Hosts) -> Callable[..., str]:
    """Run a command on a host, and return what it said; a secret in it may be refused."""

    def run(host: str, command: str, *, check: bool = True) -> str:
        return subprocess.run(
            [*inventory.ssh(hosts[host]), command],
            check=check, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    return run


def until(
    session: Session,
    query: str,
    enough: Callable[[list[lines.Line]], bool],
    seconds: float = 30,
    most: int = 100,
) -> tuple[list[lines.Line], float]:
    """Ask until an answer is enough; return it, and how long that took."""
    begun = time.monotonic()
    while not enough(found := lines.ask(session, query, most)):
        assert time.monotonic() - begun < seconds, f"{query}: {len(found)} lines"
        time.sleep(0.3)
    return found, time.monotonic() - begun


def test_lines_of_every_host_and_of_all_that_matters_are_there(
    lab: Lab, session: Session, hosts: inventory.Hosts, on: Callable[..., str]
) -> None:
    on("db-1", "sudo -u postgres psql -c 'SELECT no_such_column'", check=False)
    on("edge-1", "sudo true")
    wanted = [
        ("edge-1", "haproxy.service"), ("edge-1", "sudo"), ("edge-1", "ssh.service"),
        ("edge-1", "systemd"), ("db-1", "postgresql@17-main.service"),
        (f"app-{lab.active()[0]}-1", "dash-app.service"),
    ]  # fmt: skip

    for host in hosts:
        until(session, f'{{host="{host}"}}', bool)
    for host, unit in wanted:
        until(session, f'{{host="{host}", unit="{unit}"}}', bool)
    color, version = lab.active()
    labels = f'unit="dash-app.service", color="{color}", version="{version}", level="info"'
    until(session, f"{{{labels}}}", bool)


def test_a_request_is_found_by_its_id_on_every_host(
    lab: Lab, session: Session, record_property: Callable[[str, object], None]
) -> None:
    request = f"e2e-{uuid.uuid4()}"
    subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "--cacert", str(lab.directory / "ca.pem"), "-H",
         f"X-Request-Id: {request}", f"{lab.outputs()['urls']['https']}/v1/models"],
        check=True, timeout=20,
    )  # fmt: skip

    units = {"haproxy.service", "dash-app.service"}
    _, took = until(session, lines.of_request(request), lambda got: {x.unit for x in got} >= units)

    record_property("seconds", round(took, 1))  # a figure, not a claim
    assert request in lab.ok("logs", "--request", request).output


@pytest.mark.parametrize("host", ["edge-1", "db-1", "monitor-1"])
def test_a_line_arrives(
    session: Session,
    on: Callable[..., str],
    host: str,
    record_property: Callable[[str, object], None],
) -> None:
    mark = uuid.uuid4().hex
    on(host, f"logger -t sudo {mark}")

    _, took = until(session, f'{{host="{host}", unit="sudo"}} |= "{mark}"', bool)

    record_property("seconds", round(took, 1))  # a figure, not a claim


def test_no_secret_arrives(lab: Lab, session: Session, on: Callable[..., str]) -> None:
    """In the ways in which they could leak: headers, addresses, bodies, statements, sudo, units."""
    secret, mark = f"s3cr3t{uuid.uuid4().hex}", uuid.uuid4().hex
    base = lab.outputs()["urls"]["https"]
    body = {"email": "a@example.org", "password": secret}
    curl = ["curl", "-s", "-o", "/dev/null", "--cacert", str(lab.directory / "ca.pem")]
    for words in (
        ["-H", f"Authorization: Bearer dash_{secret[:8]}_{secret}", f"{base}/v1/models"],
        [f"{base}/v1/models?api_key={secret}&token={secret}"],
        ["-H", f"Cookie: session={secret}", f"{base}/v1/sessions"],
        ["-H", "Content-Type: application/json", "-d", json.dumps(body), f"{base}/v1/sessions"],
    ):  # fmt: skip
        subprocess.run([*curl, *words], check=True, timeout=20)
    on(
        "db-1",
        f"sudo -u postgres psql -c \"ALTER ROLE nobody_here PASSWORD '{secret}'\"",
        check=False,
    )
    on("db-1", f"sudo psql 'postgresql://dash:{secret}@127.0.0.1/dash' -c 'SELECT 1'", check=False)
    on("edge-1", f"sudo env PGPASSWORD={secret} true; sudo true --password={secret}")
    on("edge-1", f"logger 'Authorization: Bearer {secret}'; logger -t sudo {mark}")
    until(session, f'{{host="edge-1", unit="sudo"}} |= "{mark}"', bool)

    until(session, '{host="db-1"} |= "nobody_here"', bool)  # the line came, and without it
    assert lines.ask(session, f'{{host=~".+"}} |= "{secret}"', 10) == []


@pytest.mark.parametrize(
    ("host", "done"),
    [
        ("monitor-1", "systemctl restart loki"),
        ("edge-1", "systemctl restart dash-otelcol"),
        ("edge-1", "journalctl --rotate"),
        ("edge-1", "systemctl kill --signal=KILL dash-journal"),
    ],
)
@pytest.mark.slow
def test_nothing_is_lost(session: Session, on: Callable[..., str], host: str, done: str) -> None:
    """Under a flood, whatever of the lines' way is restarted, killed or begun anew."""
    mark = uuid.uuid4().hex[:12]
    program = (
        f"for i in $(seq {NUMBERED}); do echo {mark} $i; [ $((i % 500)) = 0 ] && sleep 0.4; done"
    )
    # A unit of its own, of which journald takes everything: LogsFlood has a test of its own.
    limits = "-p LogRateLimitIntervalSec=30s -p LogRateLimitBurst=1000000"  # 0 means the default
    unit = f"--expand-environment=no {limits} -p SyslogIdentifier=sudo"
    on("edge-1", f"sudo systemd-run --quiet --collect {unit} sh -c {shlex.quote(program)}")
    for _ in range(3):
        time.sleep(1.5)
        on(host, f"sudo {done}")

    def numbers(got: list[lines.Line]) -> set[str]:
        return {x.text.split()[1] for x in got}

    found, _ = until(  # sudo's own line has the mark within
        session, f'{{host="edge-1", unit="sudo"}} |~ "^{mark} "',
        lambda got: len(numbers(got)) >= NUMBERED, 120, 2 * NUMBERED,
    )  # fmt: skip

    assert numbers(found) == {str(i) for i in range(1, NUMBERED + 1)}
    assert len(found) < NUMBERED * 1.1, "at least once, and little more than that"
