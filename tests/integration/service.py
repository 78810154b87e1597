"""The service as it runs on hosts: `python -m app` as a process, with credentials in files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr

from app.access.accounts import Accounts
from app.access.keys import Limits
from app.db import Direct
from app.settings import Settings
from tests.integration.postgres import Database

ROOT = Path(__file__).resolve().parents[2]
PEPPER = "a pepper for tests alone"
START_SECONDS = 30
WIDE = Limits(rate_limit=1_000_000)  # tests ask often; those of limits say theirs


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()  # each header; `headers` has the last alone

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def free_port() -> int:
    """Return a port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class App:
    """`python -m app` against one database. `settings` are without DASH_APP_, in any case."""

    database: Database
    directory: Path
    settings: dict[str, object] = field(default_factory=dict)
    pepper: str = PEPPER

    def environment(self, user: str = "dash_app", **settings: object) -> dict[str, str]:
        """Return the process's environment."""
        credentials = self.directory / "credentials"
        credentials.mkdir(exist_ok=True)
        (credentials / "db_password").write_text(self.database.server.password + "\n")
        (credentials / "key_pepper").write_text(self.pepper + "\n")
        more = {
            f"DASH_APP_{name.upper()}": str(value)
            for name, value in {**self.settings, **settings}.items()
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("DASH_", "LOG_LEVEL"))}
        return {
            **clean,
            **self.database.environment(user),
            "CREDENTIALS_DIRECTORY": str(credentials),
            **more,
        }

    def run(self, *words: str, user: str = "dash_app", **settings: object) -> Done:
        """Run a command to its end."""
        return self.run_as_is(*words, environment=self.environment(user, **settings))

    def run_as_is(self, *words: str, environment: Mapping[str, str]) -> Done:
        """Run a command in an environment that was made before."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def migrate(self, *words: str) -> Done:
        """Run `migrate` as the schema's owner."""
        return self.run("migrate", *words, user="dash_owner")

    def key(
        self,
        email: str = "ann@example.org",
        permissions: Sequence[str] = (),
        limits: Limits = WIDE,
    ) -> str:
        """Make a key with its user as the command line does, without a process for it."""
        host, port = self.database.address
        settings = Settings(
            database_host=host,
            database_port=port,
            database_name=self.database.name,
            db_password=SecretStr(self.database.server.password),
        )
        made = Accounts(Direct(settings)).create_key(
            email,
            pepper=self.pepper,
            name="default",
            days=None,
            create_user=True,
            permissions=permissions,
            limits=limits,
        )
        return asyncio.run(made).key

    def serve(self, **settings: object) -> Serving:
        """Start the service on free ports; does not wait for it."""
        return Serving(self, settings)


class Serving:
    """The service while it runs; `with` ends it."""

    def __init__(self, app: App, settings: Mapping[str, object]) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        trusted = settings.get("tls_cert")
        self.tls = ssl.create_default_context(cafile=str(trusted)) if trusted else None
        self._log = app.directory / f"serve-{self.port}.log"
        ports = {"port": self.port, "metrics_port": self.metrics_port}
        environment = app.environment("dash_app", **{**ports, **settings})
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, kindly first: what it ran is to be counted."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    @property
    def lines(self) -> list[str]:
        """What it wrote to standard error."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return its log lines, those of one event when named."""
        found = [json.loads(x) for x in self.lines if x.startswith("{")]
        return [x for x in found if not name or x["event"] == name]

    def ask(
        self,
        path: str,
        *,
        key: str = "",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        private: bool = False,
        timeout: float = 10,
    ) -> Answer:
        """Send one request on a connection of its own."""
        said = dict(headers or {})
        if key:
            said["Authorization"] = f"Bearer {key}"
        connection = self._connection(private, timeout)
        try:
            connection.request(method, path, body, said)
            answer = connection.getresponse()
            cookies = tuple(answer.headers.get_all("Set-Cookie", []))
            return Answer(answer.status, dict(answer.headers), answer.read(), cookies)
        finally:
            connection.close()

    def _connection(self, private: bool, timeout: float) -> HTTPConnection:
        if private:
            return HTTPConnection("127.0.0.1", self.metrics_port, timeout=timeout)
        if self.tls is not None:
            return HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def metric(self, line: str) -> float:
        """Return the value of one line of /metrics; 0 when it is not there."""
        text = self.ask("/metrics", private=True).body.decode()
        found = [x for x in text.splitlines() if x.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def ready(self) -> Serving:
        """Wait until /readyz answers 200 and the listener listens."""
        until(lambda: self._ready() and self.events("auth.listening"), START_SECONDS, self)
        return self

    def _ready(self) -> bool:
        try:
            return self.ask("/readyz").status == 200
        except (OSError, HTTPException):
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end; does not wait for that."""
        self.process.send_signal(number)

    def ended(self, seconds: float = START_SECONDS) -> int:
        """Wait for its end and return the exit code."""
        return self.process.wait(seconds)


def until(condition: Any, seconds: float = 10, serving: Serving | None = None) -> None:
    """Wait until a condition holds; fail with the service's last words when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        ended = serving is not None and serving.process.poll() is not None
        if time.monotonic() > end or ended:
            words = "\n".join(serving.lines[-8:]) if serving else ""
            raise AssertionError(f"not within {seconds} s: {words}")
        time.sleep(0.05)
