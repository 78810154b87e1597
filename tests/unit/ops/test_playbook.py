"""Playbooks run as by hand, and their end is mapped to a line and an exit code."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from ops import playbook
from ops.console import UserError
from ops.events import Events
from ops.process import Finished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.ops.conftest import Checkout

DONE = {"id": "1", "kind": "deploy", "outcome": "done", "exit_code": 0, "line": "0 failed of 9"}


def test_it_is_called_as_an_operator_would_call_it(checkout: Checkout) -> None:
    playbook.play(checkout.session(), "site")

    assert checkout.words == ["playbooks/site.yml", "-i", "inventories/lab"]


def test_extra_variables_travel_in_a_private_file_that_is_gone_afterwards(
    checkout: Checkout,
) -> None:
    playbook.play(checkout.session(), "deploy", {"dash_why": "two words; $HOME"})
    *_, option, file, mode, _ = checkout.words

    assert option == "-e"
    assert mode == "mode 600"
    assert checkout.variables == {"dash_why": "two words; $HOME"}
    assert list(checkout.state.glob("vars-*")) == []
    assert file.startswith(f"@{checkout.state}")


def test_the_file_of_variables_is_gone_after_a_failure_too(checkout: Checkout) -> None:
    (checkout.root / "bin" / "ansible-playbook").unlink()
    with pytest.raises(FileNotFoundError):
        playbook.play(checkout.session(), "deploy", {"dash_why": "x"})

    assert list(checkout.state.glob("vars-*")) == []


def test_it_runs_in_the_checkout_with_a_file_for_events(checkout: Checkout) -> None:
    checkout.ansible('pwd; echo "$ANSIBLE_DASH_EVENTS"')
    played = playbook.play(checkout.session(), "site")

    assert played.finished.lines == [
        str(checkout.root),
        str(played.log.with_suffix(".site.events")),
    ]
    assert played.log.read_text().splitlines() == played.finished.lines


def test_a_failed_play_is_raised_with_its_reason_and_its_log(checkout: Checkout) -> None:
    checkout.ansible("echo 'ERROR! no such host'; exit 2")
    played = playbook.play(checkout.session(), "site")
    with pytest.raises(UserError) as raised:
        played.check()

    assert raised.value.line == f"site: no such host (all of it: {played.log})"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], ""),
        (["PLAY [x]", "", "something odd", ""], "something odd"),
        (
            ['fatal: [edge-1]: FAILED! => {"changed": false, "msg": "disk \\"a\\" full\\nmore"}',
             "PLAY RECAP ***"],
            'disk "a" full',
        ),
        (["fatal: [db-1]: UNREACHABLE! => {no msg}"], "fatal: [db-1]: UNREACHABLE! => {no msg}"),
        (["\x1b[31m[ERROR]: role not found\x1b[0m", "Origin: x"], "role not found"),
        (["✗ 5 stage on app-1: no", "next"], "✗ 5 stage on app-1: no"),
        (['failed: [a] => {"msg": ""}'], 'failed: [a] => {"msg": ""}'),
    ],
)  # fmt: skip
def test_the_line_that_matters_is_found(lines: list[str], said: str) -> None:
    assert playbook.error_line(lines) == said


def test_the_first_fault_is_the_reason_not_what_it_brought_about(checkout: Checkout) -> None:
    faults = (
        ("app-1", "ignored", "no matter"),
        ("app-1", "failed", "port 8000 is taken\nby x"),
        ("edge-1", "failed", "nothing to switch to"),
    )
    (checkout.root / "faults").write_text(
        "".join(
            json.dumps({"step": "5 stage", "task": "Start", "host": h, "status": s, "msg": m})
            + "\n"
            for h, s, m in faults
        )
    )
    checkout.ansible(f'cp "{checkout.root}/faults" "$ANSIBLE_DASH_EVENTS"; echo "✗ later"; exit 2')

    assert playbook.play(checkout.session(), "deploy").error == (
        "5 stage on app-1: Start: port 8000 is taken by x"
    )


def test_what_runs_just_now_is_told(checkout: Checkout) -> None:
    checkout.ansible(
        """
tell() { printf '{"status":"%s","step":"%s","task":"%s"}\\n' "$@" >>"$ANSIBLE_DASH_EVENTS"; }
tell play "" ""; tell started "5 stage" "Start it"; tell ok "5 stage" "Start it"; sleep 0.25
printf '{"status":"started","step":"","ta' >>"$ANSIBLE_DASH_EVENTS"; sleep 0.25
echo 'sk":"Half a line first"}' >>"$ANSIBLE_DASH_EVENTS"
"""
    )
    told: list[str] = []
    playbook.play(checkout.session(), "deploy", tell=told.append)

    assert told == ["5 stage: Start it", "Half a line first"]


def test_without_faults_among_the_events_the_output_is_looked_at(checkout: Checkout) -> None:
    checkout.ansible('echo \'{"status": "ok"}\' >"$ANSIBLE_DASH_EVENTS"; echo "ERROR! no"; exit 2')

    assert playbook.play(checkout.session(), "deploy").error == "no"


def test_a_fresh_outcome_is_the_last_line_and_the_exit_code(checkout: Checkout) -> None:
    checkout.writes("operation.json", {**DONE, "exit_code": 3, "line": "went back"}, "exit 2")
    ended = playbook.operate(checkout.session(), "deploy")

    assert (ended.exit_code, ended.line) == (3, "went back")
    assert ended.document["outcome"] == "done"


def test_the_outcome_of_an_earlier_run_says_nothing_about_this_one(checkout: Checkout) -> None:
    checkout.writes("operation.json", DONE)
    playbook.operate(checkout.session(), "deploy")
    checkout.ansible("echo 'fatal: [edge-1]: boom'; exit 2")
    ended = playbook.operate(checkout.session(), "deploy")

    assert ended.exit_code == 1
    assert ended.line.startswith("fatal: [edge-1]: boom (all of it: ")
    assert ended.document == {}


def test_the_same_outcome_written_anew_counts(checkout: Checkout) -> None:
    checkout.writes("operation.json", DONE)
    playbook.operate(checkout.session(), "deploy")
    ended = playbook.operate(checkout.session(), "deploy")

    assert (ended.exit_code, ended.line) == (0, "0 failed of 9")


def test_a_good_outcome_and_a_failed_playbook_is_a_failure(checkout: Checkout) -> None:
    checkout.writes("operation.json", DONE, "echo 'fatal: late'; exit 2")
    ended = playbook.operate(checkout.session(), "deploy")

    assert ended.exit_code == 1
    assert ended.line.startswith("0 failed of 9; but then fatal: late")


def test_a_playbook_that_records_nothing_is_a_failure(checkout: Checkout) -> None:
    ended = playbook.operate(checkout.session(), "promote")

    assert ended.exit_code == 1
    assert "promote ended without an outcome: type ./dash doctor" in ended.line


def test_a_silent_failure_tells_the_exit_code_of_ansible(checkout: Checkout) -> None:
    checkout.ansible("exit 5")

    assert "ansible-playbook ended with 5" in playbook.operate(checkout.session(), "deploy").line


def test_an_interrupted_operation_says_what_comes_next(checkout: Checkout) -> None:
    checkout.ansible(f"trap 'echo undone; exit 99' INT; kill -INT {os.getpid()}; sleep 5 & wait")
    ended = playbook.operate(checkout.session(), "deploy")

    assert ended.exit_code == 1
    assert ended.line.startswith("interrupted: the next deploy, rollback, switch or abort")


def test_an_interrupted_operation_that_undid_itself_tells_its_own_outcome(
    checkout: Checkout,
) -> None:
    checkout.writes(
        "operation.json",
        {**DONE, "exit_code": 1, "line": "abandoned"},
        f"trap 'exit 2' INT; kill -INT {os.getpid()}; sleep 5 & wait",
    )

    assert playbook.operate(checkout.session(), "deploy").line == "abandoned"


def test_a_killed_playbook_is_a_failure(tmp_path: Path) -> None:
    played = playbook.Played(
        "deploy", Finished(-signal.SIGKILL, [], interrupted=False), tmp_path, Events(tmp_path / "x")
    )

    assert playbook.outcome(played, None).line == (
        f"ansible-playbook ended with -9 (all of it: {tmp_path})"
    )
