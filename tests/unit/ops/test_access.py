"""Reaching into the stack: shell, logs, addresses, accounts and keys."""

from __future__ import annotations

import io
import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ops import follow, inventory
from ops.commands import access
from ops.console import UserError

if TYPE_CHECKING:
    from tests.unit.ops.conftest import Checkout

UNSAFE = {
    "_meta": {
        "hostvars": {
            name: {
                "ansible_host": {"__ansible_unsafe": address},
                "ansible_user": {"__ansible_unsafe": "ansible"},
                "dash_role": {"__ansible_unsafe": role},
                "groups": [{"__ansible_unsafe": "x"}],
            }
            for name, address, role in (
                ("edge-1", "10.89.50.11", "edge"), ("app-blue-1", "10.89.50.21", "app"),
                ("db-1", "10.89.50.41", "db"),
            )
        }
    }
}  # fmt: skip


@pytest.fixture(name="hosts")
def _hosts(checkout: Checkout) -> None:
    checkout.ansible(f"printf '%s' '{json.dumps(UNSAFE)}'", "ansible-inventory")


@pytest.fixture(name="became")
def _became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    seen: list[list[str]] = []
    monkeypatch.setattr(access, "_become", seen.append)
    return seen


@pytest.mark.usefixtures("hosts")
def test_hosts_come_from_the_inventory_as_plain_values(checkout: Checkout) -> None:
    found = inventory.hosts(checkout.session())

    assert checkout.words == ["--list", "-i", "inventories/lab"]
    assert found["edge-1"] == {
        "ansible_host": "10.89.50.11", "ansible_user": "ansible", "dash_role": "edge",
        "groups": ["x"],
    }  # fmt: skip


def test_a_stack_without_hosts_says_how_to_bring_it_up(checkout: Checkout) -> None:
    checkout.ansible("echo '{}'", "ansible-inventory")
    with pytest.raises(UserError, match=r"lab has no hosts: type \./dash --stack lab up"):
        inventory.hosts(checkout.session())


def test_a_broken_inventory_is_one_line(checkout: Checkout) -> None:
    checkout.ansible("echo first >&2; echo '[ERROR]: no pulumi' >&2; exit 1", "ansible-inventory")
    with pytest.raises(UserError, match=r"cannot be read: .*no pulumi"):
        inventory.hosts(checkout.session())


@pytest.mark.usefixtures("hosts")
def test_shell_becomes_ssh_to_the_host(checkout: Checkout, became: list[list[str]]) -> None:
    checkout.dash("shell", "app-blue-1")
    (argv,) = became

    assert (argv[0], argv[-1]) == ("ssh", "ansible@10.89.50.21")


@pytest.mark.usefixtures("hosts")
def test_shell_runs_a_command_word_by_word(checkout: Checkout, became: list[list[str]]) -> None:
    checkout.dash("shell", "db-1", "--", "ls", "-l", "a b")
    (argv,) = became

    assert argv[-2] == "--"
    assert shlex.split(argv[-1]) == ["ls", "-l", "a b"]


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize(
    ("name", "said"),
    [("edge-2", "did you mean edge-1?"), ("x", "known are app-blue-1, db-1, edge-1")],
)
def test_an_unknown_host_is_a_mistake(
    checkout: Checkout, became: list[list[str]], name: str, said: str
) -> None:
    code, _, err = checkout.dash("shell", name)

    assert (code, became) == (2, [])
    assert said in err


@pytest.fixture(name="followed")
def _followed(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {}

    def record(commands: dict[str, list[str]], _console: Console) -> int:
        seen.update(commands)
        return 0

    monkeypatch.setattr(follow, "follow", record)
    return seen


@pytest.mark.usefixtures("hosts")
def test_logs_are_those_of_app_and_edge(checkout: Checkout, followed: dict[str, list[str]]) -> None:
    checkout.dash("logs", "-f", "-n", "7")

    assert set(followed) == {"edge-1", "app-blue-1"}
    assert followed["app-blue-1"][-1] == (
        "sudo journalctl --no-pager --quiet --output short-iso -n 7 -u dash-app.service --follow"
    )
    assert "-u haproxy.service" in followed["edge-1"][-1]


@pytest.mark.usefixtures("hosts")
def test_logs_of_one_host(checkout: Checkout, followed: dict[str, list[str]]) -> None:
    checkout.dash("logs", "db-1")

    assert set(followed) == {"db-1"}
    assert followed["db-1"][-1].endswith("-n 50 -u 'postgresql@*'")


def test_streams_are_marked_with_their_source() -> None:
    console = Console(file=io.StringIO(), width=40)
    code = follow.follow({"a": ["echo", "x" * 60], "long": ["echo", "[red]"]}, console)
    assert isinstance(console.file, io.StringIO)

    assert code == 0
    assert sorted(console.file.getvalue().splitlines()) == ["a    " + "x" * 60, "long [red]"]


def test_a_stream_that_fails_is_told_by_the_exit_code() -> None:
    console = Console(file=io.StringIO())

    assert follow.follow({"a": ["true"], "b": ["false"]}, console) == 1


def test_ctrl_c_ends_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(follow.threading.Thread, "join", interrupted)

    assert follow.follow({"a": ["sleep", "20"]}, Console(file=io.StringIO())) == 0


def test_open_prints_addresses_and_where_the_passwords_are(checkout: Checkout) -> None:
    _, out, _ = checkout.dash("open", "--stack", "staging")

    assert "service    https://127.0.0.1:8463" in out
    assert f"passwords  {checkout.root}/.dash/staging/secrets" in out
    assert "curl --cacert" in out


def test_a_new_key_is_printed_and_its_file_is_gone(checkout: Checkout) -> None:
    checkout.writes(
        "app.json", {"answers": [{"rc": 0, "stdout": "dash_abc_secret\n", "stderr": "made\n"}]}
    )
    code, out, err = checkout.dash("key", "create", "--user", "a@b.c", "--create-user")

    assert (code, out) == (0, "dash_abc_secret\n")
    assert err.endswith("made\n")
    assert checkout.variables == {
        "dash_app_argvs": [["key", "create", "--user", "a@b.c", "--create-user"]]
    }  # fmt: skip
    assert not (checkout.state / "app.json").exists()
    assert "secret" not in "".join(
        path.read_text() for path in (checkout.state / "logs").iterdir()
    )  # fmt: skip


def test_an_answer_that_cannot_be_read_is_gone_too(checkout: Checkout) -> None:
    checkout.state.mkdir(parents=True)
    checkout.ansible('echo "half" >"$state/app.json"')
    code, _, err = checkout.dash("user", "list")

    assert code == 1
    assert "cannot be read" in err
    assert not (checkout.state / "app.json").exists()


@pytest.mark.parametrize(("rc", "code"), [(0, 0), (1, 1), (2, 2), (3, 1), (4, 4)])
def test_the_services_exit_code_becomes_ours(checkout: Checkout, rc: int, code: int) -> None:
    checkout.writes("app.json", {"answers": [{"rc": rc, "stdout": "", "stderr": "no such user"}]})

    assert checkout.dash("user", "list")[0] == code


def test_with_json_the_answer_is_one_document(checkout: Checkout) -> None:
    checkout.writes("app.json", {"answers": [{"rc": 0, "stdout": '{"keys": []}\n', "stderr": ""}]})
    _, out, _ = checkout.dash("key", "list", "--json")

    assert json.loads(out) == {"keys": []}
    assert checkout.variables == {"dash_app_argvs": [["key", "list", "--json"]]}


def test_a_play_that_fails_is_its_reason(checkout: Checkout) -> None:
    checkout.ansible("echo 'ERROR! unreachable'; exit 4")
    code, _, err = checkout.dash("key", "list")

    assert code == 1
    assert "app: unreachable" in err


def test_a_play_without_an_answer_says_so(checkout: Checkout) -> None:
    assert "the service gave no answer" in checkout.dash("key", "list")[2]


@pytest.mark.parametrize(
    "argv",
    [["key", "list"], ["key", "show", "abc"], ["user", "list"], ["session", "list"],
     ["audit", "list", "--limit", "5"], ["audit", "--help"], ["user", "create", "-h"]],
)  # fmt: skip
def test_looking_at_production_asks_nobody(checkout: Checkout, argv: list[str]) -> None:
    checkout.stack = "production"
    checkout.writes("app.json", {"answers": [{"rc": 0, "stdout": "", "stderr": ""}]})

    assert checkout.dash("--stack", "production", *argv)[0] == 0


@pytest.mark.parametrize("noun", ["user", "key", "session", "audit", "llm"])
def test_every_noun_of_the_service_is_reached_word_by_word(checkout: Checkout, noun: str) -> None:
    """Also words that are options of ours elsewhere, or that the service alone knows."""
    checkout.writes("app.json", {"answers": [{"rc": 0, "stdout": "x\n", "stderr": ""}]})
    code, out, _ = checkout.dash(noun, "do", "--new-option", "a b", "--", "--stack")

    assert (code, out) == (0, "x\n")
    assert checkout.variables == {
        "dash_app_argvs": [[noun, "do", "--new-option", "a b", "--stack"]]
    }


@pytest.mark.parametrize("noun", ["user", "key", "session", "audit", "llm"])
def test_help_says_where_a_noun_of_the_service_goes(checkout: Checkout, noun: str) -> None:
    code, out, _ = checkout.dash(noun, "--help")

    assert code == 0
    assert f"python -m app {noun}" in " ".join(out.split())


def test_env_puts_venv_and_tools_first_and_quotes_values(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = str(checkout.root / "a venv")
    monkeypatch.setattr(sys, "prefix", venv)
    monkeypatch.setattr(
        "ops.pulumi.environment",
        lambda _: {
            "PATH": f"/tools:{venv}/bin:/usr/bin", "PULUMI_BACKEND_URL": "file:///a b",
            "CONTAINERS_CONF": "/c.conf", "HOME": "/root", "SECRET": "x", "DASH_LAB": "two",
        },
    )  # fmt: skip
    code, out, _ = checkout.dash("env", "--stack", "staging")
    lines = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines())

    assert code == 0
    assert shlex.split(lines["PATH"]) == [f"{venv}/bin:/tools:/usr/bin"]
    assert lines["PULUMI_BACKEND_URL"] == "'file:///a b'"
    assert lines["DASH_STACK"] == "staging"
    assert lines["DASH_LAB"] == "two"
    assert lines["ANSIBLE_INVENTORY"] == f"{checkout.root}/inventories/staging"
    assert lines["ANSIBLE_CONFIG"] == f"{checkout.root}/ansible.cfg"
    assert lines["CONTAINERS_CONF"] == "/c.conf"
    assert not {"HOME", "SECRET"} & set(lines)
