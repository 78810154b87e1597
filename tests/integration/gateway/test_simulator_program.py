"""The simulator as a program."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "chaos.simulator", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def ports() -> int:
    """Return the first of four free ports in a row."""
    for port in range(21_000, 32_000, 7):
        try:
            for place in range(4):
                with socket.create_server(("127.0.0.1", port + place)):
                    pass
        except OSError:
            continue
        return port
    raise AssertionError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_with_a_signal(number: signal.Signals) -> None:
    port = ports()
    with start("--port", port, "--first-ms", 0, "--token-ms", 0) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert f"anthropic on {port + 2}" in line
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/calls", timeout=5) as answer:
            assert json.load(answer)["openai"]["total"] == 0
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    port = ports()
    with socket.create_server(("127.0.0.1", port + 2)), start("--port", port) as process:
        assert process.wait(10) == 1
        assert process.stderr is not None
        said = process.stderr.read()
    assert said.count("\n") == 1
    assert "address already in use" in said.lower()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "0"], "--port is 0"),
        (["--port", "65534"], "--port is 65534"),
        (["--tls-cert", "x"], "belong together"),
        (["--tokens", "0"], "tokens 1 or more"),
        (["--spread", "-1"], "0 or more"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], said: str) -> None:
    with start(*words) as process:
        assert process.wait(10) == 2
        assert process.stderr is not None
        assert said in process.stderr.read()


def test_a_certificate_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with start("--tls-cert", missing, "--tls-key", missing) as process:
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert process.stderr.read() == "simulator: No such file or directory\n"
