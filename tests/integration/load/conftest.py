"""The service behind its own TLS with a simulator of providers, and who sends it load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import schema
from app.access import hashing, passwords
from app.access.keys import Limits
from loadtests.accounts import MAY, Accounts, write
from loadtests.target import ROOT
from tests.certificates import certificate
from tests.integration.app.browser import PASSWORD
from tests.integration.app.conftest import QUICK
from tests.integration.app.steps import Steps
from tests.integration.postgres import Server
from tests.integration.service import App, Serving, free_port

CATALOG = """
[providers.openai]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
credential = "llm_openai"
[models.gpt]
deployments = [{{ provider = "openai", model = "gpt" }}]
"""
EMAILS = ("ann@example.org", "ben@example.org")


@dataclass(frozen=True)
class Loaded:
    """The service, and the files that say to locust where it is and who asks."""

    app: App
    service: Serving
    target: Path
    accounts: Path
    folder: Path

    def run(self, *words: str, out: Path, seconds: float = 8.0) -> tuple[int, str]:
        """Run `python -m loadtests run`; return its exit code and what it said."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "loadtests", "run", "--target", str(self.target)),
                *("--accounts", str(self.accounts), "--seconds", str(seconds)),
                *("--out", str(out), *words),
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def locust(self, *words: str, seconds: float = 8.0) -> tuple[int, dict[str, Any], str]:
        """Run locust by hand; return its exit code, what it measured, and what it said."""
        result = self.folder / "measured.json"
        result.unlink(missing_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless"),
                *("--target", str(self.target), "--accounts", str(self.accounts)),
                *("--result", str(result), "--seconds", str(seconds), *words),
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
        )  # fmt: skip
        found = json.loads(result.read_text()) if result.exists() else {}
        return done.returncode, found, done.stdout + done.stderr


@contextmanager
def simulated() -> Iterator[int]:
    """Run the simulator of providers, where its ports in a row are free; yield OpenAI's."""
    words = ("--first-ms", "50", "--token-ms", "1", "--tokens", "20")
    for port in (free_port() for _ in range(10)):
        command = [sys.executable, "-m", "chaos.simulator", "--port", str(port), *words]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as simulator:
            assert simulator.stderr is not None
            if "faults on" in simulator.stderr.readline():
                try:
                    yield port + 1
                finally:
                    simulator.terminate()
                return
    raise RuntimeError("ten times one of the simulator's ports was taken")


@pytest.fixture(name="loaded", scope="session")
def _loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("load")
    own, database = certificate(folder / "tls.pem"), server.create()
    with simulated() as port:
        app = App(database, folder, {**QUICK, "llm_catalog": CATALOG.format(port=port)})
        (folder / "credentials").mkdir()
        (folder / "credentials" / "llm_openai").write_text("any")
        Steps(database, schema.DIRECTORY, {}).run()
        keys = [app.key(email, MAY, Limits(rate_limit=1_000_000)) for email in EMAILS]
        with app.serve(tls_cert=own) as service:
            service.ready()
            app.database.query(
                "UPDATE users SET password_hash = %s WHERE email = %s",
                hashing.at_rest(passwords.normal(PASSWORD)), EMAILS[0],
            )  # fmt: skip
            accounts, target = folder / "accounts.json", folder / "target.json"
            write(accounts, Accounts(EMAILS, tuple(keys), PASSWORD))
            url = f"https://127.0.0.1:{service.port}"
            target.write_text(json.dumps({"url": url, "ca": str(own), "directory": str(folder)}))
            yield Loaded(app, service, target, accounts, folder)
    server.drop(database.name)
