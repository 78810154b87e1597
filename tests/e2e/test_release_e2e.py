"""A release reaches users, and goes back, and no client notices (the whole stack, for real)."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.e2e.driver import ROOT, Done, Lab, troubles

pytestmark = pytest.mark.lab
Artifact = dict[str, dict[str, Any]]


def _curl(lab: Lab, path: str, *words: str) -> tuple[int, str]:
    url = lab.outputs()["urls"]["https"]
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--cacert",
            str(lab.directory / "ca.pem"),
            "--write-out",
            "\n%{http_code}",
            *words,
            url + path,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    body, _, code = done.stdout.rpartition("\n")
    return int(code), body


def test_healthz_answers_200_through_the_edge_with_the_lab_ca(lab: Lab) -> None:
    """A curl with --cacert …/ca.pem at https://127.0.0.1:…/healthz answers 200."""
    code, _ = _curl(lab, "/healthz")

    assert code == 200


def test_a_wrong_key_is_refused_and_a_right_one_is_served(lab: Lab) -> None:
    """The service behind the edge is real: keys decide."""
    key = (lab.directory / "secrets/prober_key").read_text(encoding="ascii").strip()

    assert _curl(lab, "/v1/me", "-H", f"Authorization: Bearer {key}")[0] == 200
    assert _curl(lab, "/v1/me", "-H", f"Authorization: Bearer {key[:-2]}xx")[0] == 401


def test_status_names_colour_version_and_hosts(lab: Lab) -> None:
    """`./dash status --json` is one document a program can read."""
    status = lab.status()

    assert status["active"]["color"] in {"blue", "green"}
    assert {h["name"] for h in status["hosts"]} >= {"edge-1", "app-blue-1", "app-green-1", "db-1"}


def test_a_second_up_changes_nothing(up: tuple[Lab, Done]) -> None:
    """Second run: no host, no role and no release changes."""
    _, done = up

    assert done.output.count("nothing to change") == 2  # hosts and roles
    assert "active already" in done.last


def test_deploying_the_active_digest_is_a_no_op(lab: Lab, artifacts: Artifact) -> None:
    """The same digest with the same configuration is active already."""
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "5")
    before = lab.active()
    done = lab.ok("deploy", "--artifact", artifacts["plain"]["path"])

    assert lab.active() == before
    assert "active already" in done.last


def test_four_operations_under_load_fail_no_request_and_lose_no_socket(
    lab: Lab, artifacts: Artifact
) -> None:
    """deploy, rollback, deploy, rollback --to-version: prober and independent client see nothing.

    Both have 40 agents and 10 streams open meanwhile.
    """
    first = artifacts["plain"]["version"]
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "5", "--force")
    with lab.load() as client:
        second = lab.ok(
            "deploy", "--artifact", artifacts["second"]["path"], "--watch", "5", "--force"
        )
        assert lab.active()[1] == artifacts["second"]["version"]
        back = lab.ok("rollback", "--reason", "bug")
        assert lab.active()[1] == first
        third = lab.ok(
            "deploy", "--artifact", artifacts["third"]["path"], "--watch", "5", "--force"
        )
        cold = lab.ok("rollback", "--to-version", "v" + first)
        assert lab.active()[1] == first

    assert troubles(client.figures) == {}, json.dumps(client.figures)
    assert client.figures["sent"] > 1000
    assert client.figures["sockets"] == 40
    assert client.figures["messages"] > 1000
    assert client.figures["streams"] > 100
    for done in (second, back, third, cold):
        assert re.search(r": 0 failed of [\d,]+ requests, 0 of 40 sockets lost, ", done.last)
        assert re.search(r", 0 of [\d,]+ messages lost, 0 of \d+ streams broken, ", done.last)
    assert back.last.startswith(f"{first} is active")
    assert cold.last.startswith(f"{first} is active")


@pytest.mark.slow
def test_a_rollback_takes_the_schema_back_when_nothing_is_lost(
    lab: Lab, artifacts: Artifact
) -> None:
    """An expand step that holds no data is undone with the rollback; its table is gone."""
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "5", "--force")
    lab.ok("deploy", "--artifact", artifacts["expand"]["path"], "--watch", "5", "--force")
    assert _tables(lab, "e2e_notes") == "1"
    lab.ok("rollback")

    assert _tables(lab, "e2e_notes") == "0"


@pytest.mark.slow
def test_a_rollback_leaves_rows_in_place_and_names_them(lab: Lab, artifacts: Artifact) -> None:
    """A down step that would lose rows is not run; the last line says table and count."""
    lab.ok("deploy", "--artifact", artifacts["expand"]["path"], "--watch", "5", "--force")
    lab.on(
        "db-1",
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-q",
        "dash",
        "-c",
        "insert into e2e_notes values (1), (2)",
    )
    done = lab.ok("rollback")

    assert "e2e_notes: 2 rows" in done.last
    assert _tables(lab, "e2e_notes") == "1"
    lab.ok("deploy", "--artifact", artifacts["expand"]["path"], "--watch", "5", "--force")
    lab.ok("rollback", "--accept-loss")
    assert _tables(lab, "e2e_notes") == "0"


@pytest.mark.slow
def test_a_rollback_to_before_people_signed_in_keeps_what_they_left_until_told(
    lab: Lab, artifacts: Artifact
) -> None:
    """The audit log stays in place and is named; `--accept-loss` drops it; a deploy comes back."""
    old = artifacts["before_access"]
    lab.ok("deploy", "--artifact", old["path"], "--watch", "3", "--force")
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "3", "--force")
    with lab.load() as client:
        kept = lab.ok("rollback", "--to-version", old["version"])

    assert re.search(r"audit_log: \d+ rows would be lost, left in place", kept.last)
    assert client.figures["failed"] == 0, json.dumps(client.figures)
    assert (_tables(lab, "audit_log"), _tables(lab, "sessions")) == ("1", "1")
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "3", "--force")
    lab.ok("rollback", "--to-version", old["version"], "--accept-loss")
    assert (_tables(lab, "audit_log"), _tables(lab, "sessions")) == ("0", "0")
    lab.ok("deploy", "--artifact", artifacts["plain"]["path"], "--watch", "3", "--force")
    assert (_tables(lab, "audit_log"), _tables(lab, "sessions")) == ("1", "1")


@pytest.mark.slow
def test_tools_work_by_hand_from_the_environment(lab: Lab) -> None:
    """`eval "$(./dash env)"`, then pulumi and ansible-playbook as they are."""
    script = (
        'eval "$(./dash env)" && pulumi stack --show-name && '
        "ansible-playbook playbooks/deploy.yml -e dash_plan_only=true"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=lab.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "lab"


def _tables(lab: Lab, name: str) -> str:
    found = lab.on(
        "db-1",
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-qAt",
        "dash",
        "-c",
        "select table_name from information_schema.tables",
    ).split()
    return str(found.count(name))
