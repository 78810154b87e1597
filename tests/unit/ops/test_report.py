"""status, history and diff ask the hosts and tell what they said."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.unit.ops.test_view import entry, facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.ops.conftest import Checkout


def answer(checkout: Checkout, ledger: list[dict[str, Any]]) -> None:
    checkout.writes("status.json", {"facts": facts(), "ledger": ledger})


def test_status_json_names_active_colour_version_and_hosts(checkout: Checkout) -> None:
    answer(checkout, [])
    code, out, _ = checkout.dash("status", "--json")
    document = json.loads(out)

    assert code == 0
    assert checkout.words[0] == "playbooks/status.yml"
    assert (document["stack"], document["active"]["color"]) == ("lab", "blue")
    assert len(document["hosts"]) == 4


def test_status_for_people_is_a_table(checkout: Checkout) -> None:
    answer(checkout, [])
    _, out, _ = checkout.dash("status")

    assert "app-green-1" in out
    assert "ready, serves" in out


def test_an_old_answer_is_never_shown_as_a_new_one(checkout: Checkout) -> None:
    answer(checkout, [])
    checkout.dash("status")
    checkout.ansible("echo '[ERROR]: no route'; exit 4")
    code, out, err = checkout.dash("status")

    assert (code, out) == (1, "")
    assert "status: no route" in err


def test_a_play_without_hosts_says_how_to_bring_the_stack_up(checkout: Checkout) -> None:
    checkout.ansible("exit 0")
    code, _, err = checkout.dash("status", "--stack", "staging")

    assert code == 1
    assert "staging has no hosts: type ./dash --stack staging up" in err


def test_a_broken_answer_is_one_line(checkout: Checkout) -> None:
    checkout.ansible('echo "[]" >"$state/status.json"')
    checkout.state.mkdir(parents=True)

    assert "holds no JSON object" in checkout.dash("status")[2]

    checkout.ansible('echo "{" >"$state/status.json"')
    assert "cannot be read" in checkout.dash("status")[2]


def test_asking_again_and_again_leaves_one_log(checkout: Checkout) -> None:
    answer(checkout, [])
    for _ in range(3):
        checkout.dash("status")

    assert [log.name for log in (checkout.state / "logs").iterdir()] == ["last-status.log"]


def test_history_is_newest_first_and_limited(checkout: Checkout) -> None:
    answer(checkout, [entry("1.0.0"), entry("1.1.0"), entry("1.2.0")])
    _, out, _ = checkout.dash("history", "--json", "--limit", "2")

    assert [e["version"] for e in json.loads(out)["entries"]] == ["1.2.0", "1.1.0"]
    assert "1.0.0" in checkout.dash("history")[1]


def test_an_empty_ledger_is_said_in_words(checkout: Checkout) -> None:
    answer(checkout, [])

    assert checkout.dash("history")[1] == "nothing was released yet\n"


def git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def test_diff_tells_the_commits_between_two_versions(checkout: Checkout) -> None:
    shas = []
    git(checkout.root, "init", "-q")
    for subject in ("One", "Two", "Three"):
        git(checkout.root, "commit", "-q", "--allow-empty", "-m", subject)
        shas.append(git(checkout.root, "rev-parse", "HEAD"))
    answer(checkout, [entry("1.0.0", git_sha=shas[0]), entry("1.1.0", git_sha=shas[2])])
    code, out, _ = checkout.dash("diff", "1.0.0", "v1.1.0", "--json")

    assert code == 0
    assert [line.split()[1] for line in json.loads(out)["commits"]] == ["Three", "Two"]


def test_diff_does_without_git_history(checkout: Checkout) -> None:
    answer(checkout, [entry("1.0.0"), entry("1.1.0", git_sha=None)])
    code, out, _ = checkout.dash("diff", "1.0.0", "1.1.0")

    assert code == 0
    assert out.startswith("1.0.0 → 1.1.0\n")


def test_diff_of_an_unknown_version_is_one_line(checkout: Checkout) -> None:
    answer(checkout, [entry("1.0.0")])
    code, _, err = checkout.dash("diff", "1.0.0", "3.0.0")

    assert code == 1
    assert "the ledger knows no version 3.0.0 (known: 1.0.0)" in err
