"""The one way to the outside world: hosts over ssh, podman, the monitor, the service's address.

Typed inside; what comes in as JSON is turned into dataclasses here and nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # podman's network programs
USER = "dash"  # of Prometheus and Alertmanager
ANSWER = 5.0  # seconds for one answer over HTTP
DASH = 120.0  # seconds for a verb of ./dash
REMOTE = 60.0  # seconds for one script on a host
# A host that was killed must not hold an experiment up.
SSH = ("BatchMode=yes", "ServerAliveInterval=4", "ServerAliveCountMax=2")
CONNECT = {False: 5, True: 15}  # seconds, by whether ssh comes through AWS's Systems Manager


class WorldError(Exception):
    """The outside world said no, or nothing; `str()` is one line."""


class Silent(WorldError):
    """The monitor or the service gives no answer that can be read."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host of the stack and how it is reached."""

    name: str
    address: str
    role: str
    color: str
    container: str  # "" where it is no container
    ssh: tuple[str, ...]

    @classmethod
    def read(cls, name: str, known: Mapping[str, Any]) -> Self:
        """Return a host as the inventory has it."""
        wait = CONNECT[bool(known.get("dash_instance_id"))]
        words = [word for each in (*SSH, f"ConnectTimeout={wait}") for word in ("-o", each)]
        words += shlex.split(str(known.get("ansible_ssh_common_args", "")))
        if key := known.get("ansible_ssh_private_key_file"):
            words += ["-i", str(key)]
        return cls(
            name=name,
            address=str(known["dash_address"]),
            role=str(known["dash_role"]),
            color=str(known["dash_color"]),
            container=str(known.get("dash_container", "")),
            ssh=("ssh", *words, f"{known.get('ansible_user', 'ansible')}@{known['ansible_host']}"),
        )


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack as its inventory tells it."""

    name: str
    provider: str
    chaos: bool  # whether it may be broken on purpose
    directory: Path
    url: str
    preview: str  # where the colour answers that does not serve
    monitor: Mapping[str, str]
    hosts: Mapping[str, Host]

    def host(self, name: str) -> Host:
        """Return one host. Raises WorldError: there is none such; it names the nearest."""
        if name in self.hosts:
            return self.hosts[name]
        near = get_close_matches(name, self.hosts, n=1) or sorted(self.hosts)
        raise WorldError(f"there is no host {name!r} in {self.name}: did you mean {near[0]}?")

    def colored(self, color: str) -> list[Host]:
        """Return the application hosts of a colour."""
        return [host for host in self.hosts.values() if host.color == color]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert that Alertmanager has and that neither a silence nor another alert holds back."""

    name: str
    labels: Mapping[str, str]
    started: float


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the service's address answered; status 0: nothing."""

    status: int
    seconds: float
    body: bytes = b""
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether it is an answer with what was asked for."""
        return self.status == HTTPStatus.OK


def stack_name(environ: Mapping[str, str] = os.environ) -> str:
    """Return the stack that the environment names."""
    return environ.get("DASH_STACK") or "lab"


def directory_of(environ: Mapping[str, str], root: Path = ROOT) -> Path:
    """Return where an environment's stack keeps its files, without asking for its hosts.

    The rule stands in docs/architecture.md, "Stacks, labs, directories".
    """
    names = (environ.get("DASH_LAB", ""), stack_name(environ))
    return root / ".dash" / ".".join(name for name in names if name)


def read_inventory(name: str, root: Path = ROOT) -> Stack:
    """Return the stack as Ansible sees it. Raises WorldError: it cannot be read."""
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [str(program), "--list", "-i", f"inventories/{name}"],
        cwd=root, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise WorldError(f"the inventory of {name} cannot be read: {lines[-1]}")
    return as_stack(name, plain(json.loads(done.stdout).get("_meta", {}).get("hostvars", {})))


def as_stack(name: str, hosts: Mapping[str, Mapping[str, Any]]) -> Stack:
    """Return the stack that variables of hosts describe. Raises WorldError: there are none."""
    common = next(iter(hosts.values()), None)
    if common is None:
        raise WorldError(f"{name} has no hosts: type ./dash --stack {name} up")
    return Stack(
        name=str(common["dash_stack"]),
        provider=str(common["dash_provider"]),
        chaos=bool(common.get("dash_chaos")),
        directory=Path(str(common["dash_state_dir"])),
        url=str(common["dash_public_url"]),
        preview=str(common["dash_preview_url"]),
        monitor={str(k): str(v) for k, v in dict(common["dash_monitor_urls"]).items()},
        hosts={host: Host.read(host, known) for host, known in sorted(hosts.items())},
    )


def plain(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Return a value without Ansible's marks of strings that are no templates."""
    if isinstance(value, dict):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


class Client:
    """Acts on one stack and asks it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def sh(self, host: str, script: str, *, timeout: float = REMOTE) -> str:
        """Run a script as root on a host and return what it printed.

        Raises:
            WorldError: it failed, or the host does not answer; names the last thing it said.
        """
        argv = [*self.stack.host(host).ssh, "--", "sudo -n /bin/bash -euo pipefail -s"]
        return _run(argv, host, timeout, script)

    def podman(self, *words: str, timeout: float = REMOTE) -> str:
        """Run podman on this machine. Raises WorldError: it failed, or hosts are no containers."""
        if self.stack.provider != "podman":
            raise WorldError(
                f"hosts of {self.stack.name} come from {self.stack.provider}: "
                "this needs containers on this machine"
            )
        return self.machine("podman", *words, timeout=timeout)

    def machine(self, *words: str, timeout: float = REMOTE) -> str:
        """Run a program of this machine as root. Raises WorldError: it failed."""
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        return _run([*root, *words], " ".join(words[:3]), timeout)

    def query(self, expr: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of what an expression has, now or at a time. Raises Silent."""
        asked = {"query": expr, **({} if at is None else {"time": f"{at:.3f}"})}
        found = self._ask("prometheus", f"/api/v1/query?{urllib.parse.urlencode(asked)}")
        try:
            return [(s["metric"], float(s["value"][1])) for s in found["data"]["result"]]
        except (KeyError, TypeError, ValueError) as error:
            raise Silent(f"Prometheus answered without a result ({error})") from None

    def alerts(self) -> list[Alert]:
        """Return the alerts that somebody is told of now. Raises Silent."""
        found = self._ask("alertmanager", "/api/v2/alerts?silenced=false&inhibited=false")
        return [
            Alert(
                name=str(each["labels"]["alertname"]),
                labels=each["labels"],
                started=datetime.fromisoformat(each["startsAt"]).timestamp(),
            )
            for each in found
        ]

    def _ask(self, service: str, path: str) -> Any:  # noqa: ANN401 -- any JSON value
        """Ask the first monitor that answers; each knows all."""
        known = self.stack.monitor.items()
        urls = [url for name, url in known if name.partition("-")[0] == service]
        if not urls:
            raise Silent(f"{self.stack.name} has no {service}: ./dash up --no-core gives it one")
        said = []
        for url in urls:
            try:
                return self._ask_one(url, service, path)
            except Silent as error:
                said.append(str(error))
        raise Silent("; ".join(said))

    def _ask_one(self, url: str, service: str, path: str) -> Any:  # noqa: ANN401 -- any JSON value
        try:
            secret = (self.stack.directory / "secrets" / f"{service}_password").read_text("utf-8")
            both = base64.b64encode(f"{USER}:{secret.strip()}".encode()).decode()
            reply = self._send(f"{url}{path}", "GET", {"Authorization": f"Basic {both}"}, None)
            return json.loads(reply)
        except (OSError, ValueError) as error:
            raise Silent(f"{url}: {getattr(error, 'reason', error)}") from None

    def _send(
        self, url: str, method: str, headers: dict[str, str], body: bytes | None,
        seconds: float = ANSWER,
    ) -> bytes:  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.stack.directory / "ca.pem"))
        opener = urllib.request.build_opener(  # a proxy has no business between us and loopback
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        request = urllib.request.Request(url, headers=headers, data=body, method=method)  # noqa: S310 -- https alone
        with opener.open(request, timeout=seconds) as response:
            return bytes(response.read())

    def dash(self, *words: str) -> str:
        """Type a verb of ./dash as an operator would. Raises WorldError with what it said last."""
        return _run([str(ROOT / "dash"), "--yes", *words], f"./dash {' '.join(words[:2])}", DASH)

    def key(self) -> str:
        """Return our own key, which is made when it is asked for first.

        Agents of the prober's key would take the places of those of a deploy's prober.

        Raises:
            WorldError: the service makes none.
        """
        path = self.stack.directory / "secrets" / "chaos_key"
        if not path.exists():
            words = ["key", "create", "--create-user", "--user=chaos@dash.internal", "--name=chaos"]
            words += ["--rate=1000000", "--permission=agents:connect"]
            words += ["--permission=agents:read", "--permission=chat:write", "--json"]
            said = self.dash(*words)
            try:
                key = str(json.loads(said)["key"])
            except (ValueError, KeyError, TypeError):
                raise WorldError("./dash key create printed no key: type ./dash status") from None
            path.touch(mode=0o600)
            path.write_text(f"{key}\n", encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()

    def request(
        self, path: str, document: Mapping[str, Any] | None = None, *, seconds: float = ANSWER,
        known: bool = False,
    ) -> Reply:  # fmt: skip
        """Send one request to the service's address: GET, or POST of a document.

        Args:
            path: of the service.
            document: what is posted.
            seconds: for the answer.
            known: whether a GET carries our key, as every POST does.
        """
        headers = {}
        if known or document is not None:
            headers["Authorization"] = f"Bearer {self.key()}"
        if document is not None:
            headers["Content-Type"] = "application/json"
        body = None if document is None else json.dumps(document).encode()
        method, began = ("GET" if body is None else "POST"), time.monotonic()
        try:
            answer = self._send(f"{self.stack.url}{path}", method, headers, body, seconds)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
            return Reply(status=error.code, seconds=time.monotonic() - began, body=said)
        except (OSError, ValueError) as error:
            why = str(getattr(error, "reason", error))
            return Reply(status=0, seconds=time.monotonic() - began, error=why)
        return Reply(status=200, seconds=time.monotonic() - began, body=answer)


def _run(argv: list[str], what: str, timeout: float, text: str = "") -> str:
    """Run a program and return its output. Raises WorldError with its last line."""
    path = os.pathsep.join([os.environ.get("PATH", "/usr/bin:/bin"), *SBIN])
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise WorldError(f"{what}: no end within {timeout:.0f} s") from None
    except OSError as error:
        raise WorldError(f"{what}: {argv[0]} cannot be run ({error.strerror})") from None
    if done.returncode:
        said = [x for x in (done.stderr or done.stdout).splitlines() if x.strip()]
        said = [x for x in said if "syslog" not in x] or [f"it ended with {done.returncode}"]
        raise WorldError(f"{what}: {said[-1].strip()}")
    return done.stdout
