"""The service behind its own TLS with a simulator of providers, and who sends it load."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
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
from tests.integration.service import App, Serving, free_port, until

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


def listens(port: int) -> bool:
    """Tell whether somebody takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(name="loaded", scope="session")
def _loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("load")
    own, database, port = certificate(folder / "tls.pem"), server.create(), free_port()
    app = App(database, folder, {**QUICK, "llm_catalog": CATALOG.format(port=port + 1)})
    (folder / "credentials").mkdir()
    (folder / "credentials" / "llm_openai").write_text("any")
    Steps(database, schema.DIRECTORY, {}).run()
    keys = [app.key(email, MAY, Limits(rate_limit=1_000_000)) for email in EMAILS]
    words = ("--port", str(port), "--first-ms", "50", "--token-ms", "1", "--tokens", "20")
    with subprocess.Popen(
        [sys.executable, "-m", "chaos.simulator", *words], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as simulator:
        try:
            until(lambda: listens(port + 1), 30)
            with app.serve(tls_cert=own) as service:
                service.ready()
                app.database.query(
                    "UPDATE users SET password_hash = %s WHERE email = %s",
                    hashing.at_rest(passwords.normal(PASSWORD)), EMAILS[0],
                )  # fmt: skip
                accounts, target = folder / "accounts.json", folder / "target.json"
                write(accounts, Accounts(EMAILS, tuple(keys), PASSWORD))
                url = f"https://127.0.0.1:{service.port}"
                target.write_text(
                    json.dumps({"url": url, "ca": str(own), "directory": str(folder)})
                )
                yield Loaded(app, service, target, accounts, folder)
        finally:
            simulator.terminate()
    server.drop(database.name)
