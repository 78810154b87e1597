"""What an edge does without a controller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import edgectl, paths, switch
from tests.integration.platform.edges import ID, move, serves
from tests.integration.platform.fake_haproxy import FakeHaproxy


def ctl(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    where = [f"--state-dir={paths.EDGE_STATE}", f"--map={paths.MAP}"]
    code = edgectl.main([*where, f"--socket={paths.HAPROXY_SOCKET}", *words])
    got = capsys.readouterr()
    return code, got.out.strip(), got.err.strip()


def test_the_timers_command_goes_back_once(
    edge: switch.Edge, proxy: FakeHaproxy, capsys: pytest.CaptureFixture[str]
) -> None:
    move(edge)

    assert ctl(capsys, "revert", "--id", ID) == (0, "not confirmed in time: back on blue", "")
    assert ctl(capsys, "revert", "--id", ID) == (0, "nothing to go back from", "")
    assert serves(edge, proxy, "blue")


def test_the_timers_command_fails_so_that_systemd_tries_again(
    edge: switch.Edge, proxy: FakeHaproxy, capsys: pytest.CaptureFixture[str]
) -> None:
    move(edge)
    proxy.stuck = True

    code, out, err = ctl(capsys, "revert", "--id", ID)

    assert (code, out) == (1, "")
    assert err.startswith("HAProxy says active is green")


def test_the_boots_command_says_what_it_did(
    edge: switch.Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge.active() == "blue"
    assert ctl(capsys, "recover") == (0, "nothing to recover", "")


def test_status_is_for_people_and_for_programs(
    edge: switch.Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    move(edge)

    code, out, _ = ctl(capsys, "status")
    found: dict[str, Any] = json.loads(ctl(capsys, "status", "--json")[1])

    assert (code, out) == (0, f"active colour green, open operation: deploy {ID} is switched")
    assert (found["active"], found["operation"]["state"]) == ("green", "switched")
    edge.operation.keep({**found["operation"], "state": "reverted"})
    edge.operation.move(ID, "recorded")
    assert ctl(capsys, "status")[1].endswith("open operation: none")


def test_a_file_that_is_not_ours_is_one_line(
    edge: switch.Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge.operation.current()
    (paths.EDGE_STATE / "operation.json").write_text("{", encoding="utf-8")

    code, out, err = ctl(capsys, "recover")

    assert (code, out) == (1, "")
    assert "operation.json is not JSON" in err
