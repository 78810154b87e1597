"""ssh through Systems Manager: a session that boto3 opens, carried by the plugin we become."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops import tunnel

ROOT = Path(__file__).resolve().parents[3]
INSTANCE = "i-0abc12de34f567890"
OPENED = {"SessionId": "anna-1", "TokenValue": "secret-token", "StreamUrl": "wss://x/1"}
# Says how it was called, and repeats what ssh would send
PLUGIN = """#!/bin/sh
printf '%s\\n' "$@" >"$CALLS"
printf '%s' "$AWS_SSM_START_SESSION_RESPONSE" >"$CALLS.session"
exec cat
"""


class Ssm:
    """Systems Manager's API on loopback: answers StartSession as it is told."""

    def __init__(self) -> None:
        self.status, self.answer = 200, dict[str, Any](OPENED)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.headers["X-Amz-Target"], json.loads(body)))
                said = json.dumps(outer.answer).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(name="ssm")
def _ssm() -> Iterator[Ssm]:
    ssm = Ssm()
    thread = threading.Thread(target=ssm.server.serve_forever)
    thread.start()
    yield ssm
    ssm.server.shutdown()
    thread.join()
    ssm.server.server_close()


def run(ssm: Ssm, folder: Path, *, plugin: bool = True, **more: str) -> Any:
    """Run the tunnel as ssh does, from another folder."""
    if plugin:
        file = folder / tunnel.PLUGIN
        file.write_text(PLUGIN)
        file.chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env = {
        **clean, "PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"), "CALLS": str(folder / "calls"),
        "AWS_ENDPOINT_URL": ssm.url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", **more,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "ops.tunnel", "staging", "eu-central-1", INSTANCE, "22"],
        cwd=folder, env={k: v for k, v in env.items() if v != "unset"}, input="SSH-2.0-x\r\n",
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip


def test_a_session_to_sshd_is_opened_and_handed_to_the_plugin(ssm: Ssm, tmp_path: Path) -> None:
    done = run(ssm, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "SSH-2.0-x\n", "")
    wanted = {
        "Target": INSTANCE,
        "DocumentName": "AWS-StartSSHSession",
        "Parameters": {"portNumber": ["22"]},
    }
    assert ssm.asked == [("AmazonSSM.StartSession", wanted)]
    words = (tmp_path / "calls").read_text().split("\n")
    assert words[:4] == [tunnel.SESSION, "eu-central-1", "StartSession", ""]
    assert json.loads(words[4]) == wanted
    assert words[5] == ssm.url


def test_the_sessions_token_stands_in_no_command_line(ssm: Ssm, tmp_path: Path) -> None:
    """Everybody on a machine sees command lines."""
    run(ssm, tmp_path)

    assert "secret-token" not in (tmp_path / "calls").read_text()
    assert json.loads((tmp_path / "calls.session").read_text()) == OPENED


def test_without_the_plugin_nothing_is_opened(ssm: Ssm, tmp_path: Path) -> None:
    done = run(ssm, tmp_path, plugin=False)

    assert (done.returncode, ssm.asked) == (1, [])
    assert done.stderr == (
        "session-manager-plugin is not installed. Next: ./dash --stack staging doctor\n"
    )


def test_an_instance_that_cannot_be_reached_is_one_line(ssm: Ssm, tmp_path: Path) -> None:
    ssm.status = 400
    ssm.answer = {"__type": "TargetNotConnected", "message": f"{INSTANCE} is not connected."}
    done = run(ssm, tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{INSTANCE} cannot be reached: it does not run, or its agent")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "calls").exists()


def test_credentials_that_are_missing_are_one_line(ssm: Ssm, tmp_path: Path) -> None:
    done = run(ssm, tmp_path, AWS_ACCESS_KEY_ID="unset", AWS_SECRET_ACCESS_KEY="unset")

    assert (done.returncode, ssm.asked) == (1, [])
    assert done.stderr.startswith("no AWS credentials are set. Next: export AWS_PROFILE=<name>")


def test_a_wrong_command_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert tunnel.main(["staging"], {}) == 2
    assert capsys.readouterr().err.startswith("usage: python -m ops.tunnel STACK REGION")
