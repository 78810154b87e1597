"""The command line: options reach the playbooks, mistakes are one line and exit code 2."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ops import cli, looking

if TYPE_CHECKING:
    from tests.unit.ops.conftest import Checkout

DONE = {"kind": "deploy", "outcome": "done", "exit_code": 0, "line": "0 failed of 9 requests"}
VERBS = (
    "up provision configure deploy rollback switch promote abort migrate status history diff "
    "doctor test logs shell open env key user down"
)  # fmt: skip


def test_every_verb_of_the_contract_has_help(checkout: Checkout) -> None:
    code, out, _ = checkout.dash("--help")
    assert code == 0
    for verb in VERBS.split():
        code, told, _ = checkout.dash(verb, "--help")
        assert (code, f"./dash {verb}" in told) == (0, True), verb
        assert verb in out


@pytest.mark.parametrize(
    ("argv", "playbook", "variables"),
    [
        (["deploy"], "deploy", {}),
        (
            ["deploy", "--plan", "--force", "--why", "a b", "--watch", "5", "--window", "48"],
            "deploy",
            {"dash_plan_only": True, "dash_force": True, "dash_why": "a b",
             "dash_watch_seconds": 5, "dash_window_hours": 48},
        ),
        (["deploy", "--reason", "fix"], "deploy", {"dash_why": "fix"}),
        (["deploy", "--watch", "0"], "deploy", {"dash_watch_seconds": 0}),
        (["deploy", "--prove", "chaos"], "deploy", {"dash_prove": "chaos"}),
        (["deploy", "--from", "staging"], "deploy", {"dash_from": "staging"}),
        (["rollback"], "rollback", {"dash_reason": "other"}),
        (
            ["rollback", "--to-version", "v1.2.0", "--reason", "data", "--accept-loss"],
            "rollback",
            {"dash_to_version": "1.2.0", "dash_reason": "data", "dash_accept_loss": True},
        ),
        (["switch"], "switch", {}),
        (["switch", "green"], "switch", {"dash_color_wanted": "green"}),
        (["promote", "--why", "fine"], "promote", {"dash_why": "fine"}),
        (["abort"], "abort", {}),
        (["migrate", "--plan"], "migrate", {"dash_plan_only": True}),
    ],
)  # fmt: skip
def test_options_become_extra_variables(
    checkout: Checkout, argv: list[str], playbook: str, variables: dict[str, Any]
) -> None:
    checkout.writes("operation.json", DONE)
    code, out, _ = checkout.dash(*argv)

    assert code == 0
    assert out.splitlines()[-1] == "0 failed of 9 requests"
    assert checkout.words[0] == f"playbooks/{playbook}.yml"
    assert (checkout.variables if variables else {}) == variables


def test_an_artifact_is_handed_over_by_its_whole_path(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout.root / "a.tar.zst").touch()
    monkeypatch.chdir(checkout.root)
    checkout.dash("deploy", "--artifact", "a.tar.zst")

    assert checkout.variables == {"dash_artifact": str(checkout.root / "a.tar.zst")}


@pytest.mark.parametrize("argv", [["--stack", "staging", "switch"], ["switch", "--stack=staging"],
                                  ["--stack", "lab", "switch", "--stack", "staging"]])  # fmt: skip
def test_the_stack_stands_before_or_after_the_verb(checkout: Checkout, argv: list[str]) -> None:
    checkout.dash(*argv)

    assert checkout.words[-1] == "inventories/staging"


def test_the_stack_comes_from_the_environment(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASH_STACK", "staging")
    checkout.dash("switch")
    assert checkout.words[-1] == "inventories/staging"

    checkout.dash("switch", "--stack", "lab")
    assert checkout.words[-1] == "inventories/lab"


def test_two_labs_have_two_state_directories(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASH_LAB", "second")
    checkout.dash("switch")

    assert (checkout.root / ".dash" / "second.lab" / "logs").is_dir()
    assert not checkout.state.exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["deplyo"], "No such command 'deplyo'. Did you mean 'deploy'?: see ./dash --help"),
        (["deploy", "--plann"], "No such option: --plann"),
        (["deploy", "--watch", "soon"], "see ./dash deploy --help"),
        (["deploy", "--watch", "-1"], "see ./dash deploy --help"),
        (["deploy", "--artifact", "/no/such"], "--artifact: there is no file /no/such"),
        (["deploy", "--from", "lab"], "--from lab: that is the stack to release to"),
        (["deploy", "--from", "stagin"], "--from: there is no stack 'stagin': did you mean"),
        (["deploy", "--from", "staging", "--artifact", __file__], "give one of them"),
        (["rollback", "--reason", "mood"], "'mood' is not one of 'bug', 'performance'"),
        (["switch", "red"], "'red' is not one of 'blue', 'green'"),
        (["diff", "1.0.0"], "Missing argument 'B'"),
        (["status", "--stack", "prod"], "--stack: there is no stack 'prod': did you mean"),
        (["up", "--app-hosts", "0"], "see ./dash up --help"),
        (["up", "--edge-hosts", "10"], "see ./dash up --help"),
        (["up", "--provider", "gcp"], "see ./dash up --help"),
        (["shell"], "Missing argument 'HOST'"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    checkout: Checkout, argv: list[str], said: str
) -> None:
    code, out, err = checkout.dash(*argv)

    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("dash: ")


def test_an_unknown_variable_is_refused_before_anything_happens(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASH_STAKC", "lab")
    code, _, err = checkout.dash("deploy")

    assert code == 2
    assert err == (
        "dash: unknown variable DASH_STAKC: did you mean DASH_STACK?, or unset DASH_STAKC\n"
    )


@pytest.mark.parametrize(
    "argv",
    [["deploy"], ["rollback"], ["switch"], ["promote"], ["abort"], ["migrate"], ["up"],
     ["provision"], ["configure"], ["down"], ["key", "create", "--user", "a@b.c"],
     ["user", "create"], ["user", "password-link", "--email", "list@b.c"],
     ["key", "revoke", "show"], ["session", "revoke", "--user", "a@b.c"],
     ["key", "create", "--name", "list"]],
)  # fmt: skip
def test_production_is_not_changed_without_somebody_to_ask(
    checkout: Checkout, argv: list[str]
) -> None:
    code, _, err = checkout.dash("--stack", "production", *argv)

    assert code == 2
    assert "production and nobody is here to ask: add --yes" in err
    assert not (checkout.root / "calls").exists()


@pytest.mark.parametrize("argv", [["deploy", "--yes"], ["--yes", "deploy"], ["deploy", "--plan"]])
def test_yes_or_a_mere_plan_needs_no_question(checkout: Checkout, argv: list[str]) -> None:
    checkout.dash("--stack", "production", *argv)

    assert checkout.words[0] == "playbooks/deploy.yml"


@pytest.mark.parametrize(("answer", "goes_on"), [("yes", True), ("y", False), ("", False)])
def test_a_person_is_asked_about_production(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, answer: str, *, goes_on: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda *_: answer)
    code, _, err = checkout.dash("--stack", "production", "switch")

    assert (checkout.root / "calls").exists() is goes_on
    if not goes_on:
        assert code == 2
        assert "nothing was changed" in err


def test_with_json_standard_output_is_one_document(checkout: Checkout) -> None:
    checkout.writes("operation.json", {**DONE, "exit_code": 4, "line": "inconclusive"}, "echo step")
    code, out, err = checkout.dash("deploy", "--json")

    assert code == 4
    assert json.loads(out)["line"] == "inconclusive"
    assert "step" in err


def test_with_json_a_failure_is_a_document_too(checkout: Checkout) -> None:
    checkout.ansible("echo 'ERROR! no'; exit 2")
    code, out, _ = checkout.dash("--json", "rollback")
    document = json.loads(out)

    assert code == document["exit_code"] == 1
    assert document["outcome"] == "failed"
    assert document["line"].startswith("no (all of it:")


def test_with_json_a_mistake_is_a_document_too(checkout: Checkout) -> None:
    code, out, _ = checkout.dash("switch", "red", "--json")

    assert code == 2
    assert json.loads(out)["exit_code"] == 2


def test_a_failed_release_says_why_on_standard_error(checkout: Checkout) -> None:
    checkout.writes("operation.json", {**DONE, "exit_code": 1, "line": "nothing changed"})
    code, out, err = checkout.dash("deploy")

    assert code == 1
    assert "nothing changed" not in out
    assert err == "nothing changed\n"


def test_what_to_type_next_names_the_stack(checkout: Checkout) -> None:
    line = "refused. Next: ./dash switch blue"
    checkout.stack = "staging"
    checkout.writes("operation.json", {**DONE, "exit_code": 1, "line": line})
    named = "refused. Next: ./dash --stack staging switch blue"

    _, _, err = checkout.dash("--stack", "staging", "deploy")
    assert err == f"{named}\n"
    _, out, _ = checkout.dash("deploy", "--stack=staging", "--json")
    assert json.loads(out)["line"] == named


@pytest.mark.parametrize("words", [["--stack=staging"], ["--stack", "staging"]])
def test_a_refusal_names_the_stack_too(checkout: Checkout, words: list[str]) -> None:
    _, _, err = checkout.dash("switch", "red", *words)

    assert "see ./dash --stack staging switch --help" in err


def test_an_unexpected_error_is_one_line_and_a_file(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("color")

    monkeypatch.setattr(looking, "ask", broken)
    code, out, err = checkout.dash("status")
    (log,) = (checkout.state / "logs").glob("*-error.log")

    assert (code, out) == (1, "")
    assert err == f"dash: unexpected KeyError: 'color' (all of it: {log})\n"
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError])
def test_ctrl_c_is_no_traceback(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(looking, "ask", interrupted)
    code, _, err = checkout.dash("status")

    assert code in (1, 130)
    assert "Traceback" not in err


def test_a_pipe_that_ends_early_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """`./dash history | head -1`."""
    monkeypatch.setattr(cli.typer.main, "get_command", _raise_broken_pipe)
    monkeypatch.setattr(cli.os, "dup2", lambda *_: None)

    assert cli.main(["history"]) == 0


def _raise_broken_pipe(*_: object) -> None:
    raise BrokenPipeError


def test_the_tests_get_their_arguments(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str]) -> int:
        seen.append(argv)
        return 1

    monkeypatch.setattr("ops.testing.main", run)
    code, _, _ = checkout.dash("test", "unit", "lint", "--all", "--restart")

    assert code == 1
    assert [sorted(words) for words in seen] == [["--all", "--restart", "lint", "unit"]]
