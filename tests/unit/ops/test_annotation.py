"""What Grafana is told of releases, and that nothing comes of it when it does not listen."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.dash.platform.plugins.action import annotate
from ops import annotation

BODY = {"text": 'deploy of "1.0"', "tags": ["release"], "time": 1}
PLAN = {"kind": "deploy", "version": "1.0", "to_color": "green"}
ENTRY = {
    "at": "2026-11-28T12:00:10+00:00",
    "timings": {"total": 10.5},
    "outcome": "done",
    "why": "",
}


@pytest.fixture(name="password")
def _password(tmp_path: Path) -> Path:
    path = tmp_path / "grafana_password"
    path.write_text("sesame\n", encoding="utf-8")
    return path


def ssh(code: str) -> list[str]:
    """Return a program that is given the remote command and its input, as ssh would be."""
    return [sys.executable, "-c", code]


def test_the_password_goes_through_the_input_alone(password: Path) -> None:
    echo = ssh("import sys; print(repr((sys.argv[1:], sys.stdin.read())))")
    said = annotation.tell(echo, "https://10.9.0.51:3000", "dash", password, BODY)

    assert 'user = "dash:sesame"' in said
    assert said.count("sesame") == 1
    assert "sesame" not in annotation.REMOTE


def test_what_is_told_is_quoted_as_curl_reads_it(password: Path) -> None:
    text = annotation.config("https://10.9.0.51:3000", "dash", "x", BODY)
    [line] = [x for x in text.splitlines() if x.startswith("data = ")]

    assert json.loads(shlex.split(line.partition(" = ")[2])[0]) == BODY
    assert 'url = "https://10.9.0.51:3000/api/annotations"\n' in text
    assert password.exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no route to host')", "no route to host"),
        ("import sys; sys.exit(7)", "ended with 7"),
        ("import time; time.sleep(60)", "no answer within 1 s"),
    ],
)
def test_a_grafana_that_does_not_listen_is_a_line_in_the_log(
    password: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.setattr(annotation, "SECONDS", 1)

    assert annotation.tell(ssh(code), "https://x", "dash", password, BODY) == said


def test_a_password_that_is_gone_is_one_too(tmp_path: Path) -> None:
    assert "gone" in annotation.tell(ssh(""), "https://x", "dash", tmp_path / "gone", BODY)


def test_the_log_says_what_of_which(password: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [json.dumps(ssh("print('{\"id\": 1}')")), "https://x", "dash", str(password)]

    assert annotation.main([*words, json.dumps([BODY])]) == 0
    assert capsys.readouterr().out == 'deploy of "1.0": {"id": 1}\n'


def test_a_switch_is_told_as_a_moment_and_an_end_as_the_whole_time() -> None:
    moment, whole = annotate.bodies(PLAN, ENTRY, 1700000000.5)

    assert moment["time"] == 1700000000500
    assert moment["tags"] == ["release", "deploy", "switch", "green"]
    assert whole["timeEnd"] - whole["time"] == 10500
    assert whole["tags"] == ["release", "deploy", "done"]
    assert whole["text"] == "deploy of 1.0: done."


def test_traffic_that_did_not_move_is_not_told() -> None:
    assert len(annotate.bodies(PLAN, ENTRY, 0)) == 1


@pytest.mark.parametrize("monitors", [[], ["monitor-1"], ["monitor-2", "monitor-1"]])
def test_every_grafana_is_told_and_none_waits_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monitors: list[str]
) -> None:
    spawned: list[list[str]] = []
    monkeypatch.setattr(annotate.controller, "spawn", lambda argv, *_: spawned.append(argv))
    monkeypatch.setattr(annotate.ActionBase, "run", lambda *_: {})
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/grafana_password").write_text("sesame")
    action = object.__new__(annotate.ActionModule)
    given = {"decided": {"plan": PLAN}, "entry": ENTRY, "root": "/", "state_dir": str(tmp_path)}
    action._task = SimpleNamespace(args=given)
    host = {"ansible_user": "a", "ansible_host": "h", "ansible_ssh_private_key_file": "/k"}
    known = {name: {**host, "dash_address": f"10.9.0.5{name[-1]}"} for name in monitors}

    result = action.run(None, {"groups": {"monitor": monitors}, "hostvars": known})

    assert [argv[4] for argv in spawned] == [
        f"https://10.9.0.5{n[-1]}:3000" for n in sorted(monitors)
    ]
    assert (result["changed"], result["told"]) == (False, len(monitors) and 1)
