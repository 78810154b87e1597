"""From nothing to a running stack, and what is said when a step fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ops import preflight, pulumi, smoke, tools
from ops.console import UserError
from ops.smoke import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
    from tests.unit.ops.conftest import Checkout

DEPLOYED = {"outcome": "done", "exit_code": 0, "line": "1.0.0 is active on blue"}
# Both playbooks of `up`: site says what it changed, deploy writes its outcome.
PLAYS = """
case $1 in
  playbooks/site.yml) echo "site: changed={changed} failed=0 unreachable=0 in 3.0 s" ;;
  playbooks/deploy.yml) printf '%s' '{document}' >"$state/operation.json"; exit {code} ;;
esac
"""


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> None:
    def up(_: Stack, tell: Callable[[str], None]) -> str:
        tell("making edge-1")
        return "7 created"

    monkeypatch.setattr(preflight, "missing", list)
    monkeypatch.setattr(tools, "resolve", lambda *_: None)  # building the plugin takes a minute
    monkeypatch.setattr(pulumi, "up", up)
    monkeypatch.setattr(
        smoke, "check", lambda *_: {"/readyz": Answer(200, "1.0.0", "blue", {"status": "ok"})}
    )


def plays(
    checkout: Checkout, *, changed: int = 3, document: object = DEPLOYED, code: int = 0
) -> None:
    checkout.ansible(PLAYS.format(changed=changed, document=json.dumps(document), code=code))


def marks(out: str) -> list[tuple[str, str]]:
    return [
        (words[0], words[1]) for line in out.splitlines() if (words := line.split())[0] in "✓✗"
    ]  # fmt: skip


@pytest.mark.usefixtures("world")
def test_up_is_one_line_a_step_and_the_addresses_at_the_end(checkout: Checkout) -> None:
    plays(checkout)
    code, out, _ = checkout.dash("up")

    assert code == 0
    assert marks(out) == [
        ("✓", name) for name in ("machine", "tools", "hosts", "configure", "deploy", "smoke")
    ]  # fmt: skip
    assert "7 created" in out
    assert "3 changed" in out
    assert "https://127.0.0.1:8443 answers: 1.0.0 on blue" in out
    assert out.splitlines()[-1].startswith("lab is up after 0.")
    assert out.splitlines()[-1].endswith(": 1.0.0 is active on blue")
    assert f"ca         {checkout.state / 'ca.pem'}" in out


@pytest.mark.usefixtures("world")
def test_a_second_up_tells_that_nothing_changed_and_how_long_the_first_took(
    checkout: Checkout,
) -> None:
    plays(checkout)
    checkout.dash("up")
    plays(checkout, changed=0)
    _, out, _ = checkout.dash("up")

    assert "configure  nothing to change" in out
    assert out.splitlines()[-1].count("last time") == 1


@pytest.mark.usefixtures("world")
def test_up_with_json_is_one_document(checkout: Checkout) -> None:
    plays(checkout)
    code, out, err = checkout.dash("up", "--json")
    document = json.loads(out)

    assert code == 0
    assert document["outcome"] == "done"
    assert document["addresses"]["service"] == "https://127.0.0.1:8443"
    assert "✓ hosts" in err


@pytest.mark.usefixtures("world")
def test_up_takes_the_release_of_another_stack(checkout: Checkout) -> None:
    plays(checkout)
    checkout.dash("up", "--from", "staging")
    code, _, err = checkout.dash("up", "--from", "lab")

    assert checkout.variables["dash_from"] == "staging"
    assert code == 2
    assert "--from lab: that is the stack to release to" in err


@pytest.mark.usefixtures("world")
def test_settings_on_the_command_line_are_kept_for_the_stack(checkout: Checkout) -> None:
    plays(checkout)
    checkout.stack = "staging"
    plays(checkout)
    checkout.dash("up", "--stack", "staging", "--provider", "podman", "--app-hosts", "2")
    checkout.dash("up", "--stack", "staging", "--core")
    checkout.dash("up", "--stack", "staging", "--app-hosts", "1", "--edge-hosts", "2")
    kept = {"provider": "podman", "app_hosts": 1, "edge_hosts": 2}

    assert json.loads((checkout.state / "overrides.json").read_text()) == {
        **kept, "monitor_hosts": 0
    }  # fmt: skip

    checkout.dash("up", "--stack", "staging", "--no-core")

    assert json.loads((checkout.state / "overrides.json").read_text()) == kept

    checkout.dash("up", "--stack", "staging", "--monitor-hosts", "2")

    assert json.loads((checkout.state / "overrides.json").read_text()) == {
        **kept, "monitor_hosts": 2
    }  # fmt: skip


@pytest.mark.usefixtures("world")
def test_no_monitor_and_two_of_them_cannot_both_be(checkout: Checkout) -> None:
    plays(checkout)
    code, _, err = checkout.dash("up", "--core", "--monitor-hosts", "2")

    assert code == 2
    assert "--core is without a monitor" in err
    assert not (checkout.state / "overrides.json").exists()


@pytest.mark.usefixtures("world")
def test_without_settings_nothing_is_written(checkout: Checkout) -> None:
    plays(checkout)
    checkout.dash("up")

    assert not (checkout.state / "overrides.json").exists()


@pytest.mark.usefixtures("world")
def test_missing_packages_are_named_before_they_are_installed(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[list[str]] = []

    def install(packages: list[str], _log: Path, _tell: object) -> None:
        assert "install podman runc" in checkout.capture.readouterr().out
        installed.append(packages)

    monkeypatch.setattr(preflight, "missing", lambda: ["podman", "runc"])
    monkeypatch.setattr(preflight, "install", install)
    plays(checkout)
    _, out, _ = checkout.dash("up")

    assert installed == [["podman", "runc"]]
    assert "installed podman runc" in out


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("words", [("provision",), ("up",), ("infra", "check")])
def test_nothing_is_made_on_aws_that_this_machine_alone_would_know(
    checkout: Checkout, words: tuple[str, ...]
) -> None:
    checkout.stack = "staging"
    stacks = checkout.root / "infra" / "stacks"
    stacks.mkdir(parents=True)
    (stacks / "Pulumi.staging.yaml").write_text("config:\n  dash:provider: aws\n")
    code, _, err = checkout.dash("--stack", "staging", *words)

    assert code == 1
    assert "Pulumi.staging.yaml has no dash:state" in err
    assert err.rstrip().endswith("Next: ./dash --stack staging infra bootstrap")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("provider", "asked"), [("podman", True), ("aws", False)])
def test_the_password_is_asked_for_before_the_long_work_begins(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, provider: str, *, asked: bool
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(preflight, "ask_sudo", seen.append)
    plays(checkout)
    checkout.dash("up", "--provider", provider)

    assert seen == (["./dash --stack lab up"] if asked else [])


@pytest.mark.usefixtures("world")
def test_the_way_to_the_tools_is_told(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def environment(_: Stack, tell: Callable[[str], None] = lambda _: None) -> dict[str, str]:
        tell("download pulumi 3.259.0")
        return {"PATH": "/usr/bin:/bin"}

    monkeypatch.setattr(pulumi, "environment", environment)
    plays(checkout)
    _, out, _ = checkout.dash("up")

    assert out.count("download pulumi 3.259.0") == 2  # while it lasts, and as what came of it


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("code", "said"), [(1, "clients noticed nothing"), (3, "went back")])
def test_a_deploy_that_ends_badly_ends_up_with_its_line_and_code(
    checkout: Checkout, code: int, said: str
) -> None:
    plays(checkout, document={"outcome": "x", "exit_code": code, "line": said}, code=2)
    ended, out, err = checkout.dash("up")

    assert ended == code
    assert marks(out)[-1] == ("✗", "deploy")
    assert err == f"dash: {said}\n"


@pytest.mark.usefixtures("world")
def test_a_failed_step_stops_what_follows(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(*_: object) -> str:
        raise UserError("pulumi up failed: port 8443 on 127.0.0.1 is taken by nginx")

    monkeypatch.setattr(pulumi, "up", up)
    code, out, err = checkout.dash("up")

    assert code == 1
    assert marks(out)[-1] == ("✗", "hosts")
    assert "port 8443 on 127.0.0.1 is taken by nginx" in err
    assert not (checkout.root / "calls").exists()


@pytest.mark.usefixtures("world")
def test_a_service_that_does_not_answer_fails_up(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(*_: object) -> None:
        raise UserError("GET https://127.0.0.1:8443/readyz: 503")

    monkeypatch.setattr(smoke, "check", check)
    plays(checkout)
    code, _, err = checkout.dash("up")

    assert (code, err) == (1, "dash: GET https://127.0.0.1:8443/readyz: 503\n")


@pytest.mark.usefixtures("world")
def test_provision_only_makes_hosts(checkout: Checkout) -> None:
    code, out, _ = checkout.dash("provision")

    assert (code, marks(out)[-1]) == (0, ("✓", "hosts"))
    assert not (checkout.root / "calls").exists()


@pytest.mark.usefixtures("world")
def test_configure_only_plays_site(checkout: Checkout) -> None:
    plays(checkout)
    code, out, _ = checkout.dash("configure")

    assert code == 0
    assert out.splitlines()[-1] == "configured lab: 3 changed"


@pytest.mark.usefixtures("world")
def test_configure_that_fails_names_the_reason_and_the_log(checkout: Checkout) -> None:
    checkout.ansible("echo 'ERROR! no such role'; exit 1")
    code, _, err = checkout.dash("configure")

    assert code == 1
    assert err.startswith("dash: site: no such role (all of it: ")
    assert err.endswith("-configure.log)\n")
