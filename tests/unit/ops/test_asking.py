"""What `python -m ops.asking` asks the service for programs that import none of ours."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from ops import asking

if TYPE_CHECKING:
    from tests.unit.ops.conftest import Checkout

ARGVS = [["key", "create", "--user", "a@b.c", "--json"], ["user", "list", "--json"]]


def typed(monkeypatch: pytest.MonkeyPatch, stack: str = "lab") -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(ARGVS)))
    return asking.main({"DASH_STACK": stack})


def test_all_is_asked_in_one_play_and_no_answer_stays_behind(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [{"rc": 0, "stdout": "{}\n", "stderr": ""}, {"rc": 1, "stdout": "", "stderr": "no"}]
    checkout.writes("app.json", {"answers": [{**each, "changed": False} for each in answers]})
    code = typed(monkeypatch)

    assert (code, json.loads(checkout.capture.readouterr().out)) == (0, answers)
    assert checkout.variables == {"dash_app_argvs": ARGVS}
    assert not (checkout.state / "app.json").exists()


def test_a_play_that_fails_is_one_line(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.ansible("echo 'ERROR! unreachable'; exit 4")
    code = typed(monkeypatch)
    said = checkout.capture.readouterr()

    assert (code, said.out) == (1, "")
    assert said.err.startswith("app: unreachable")
    assert said.err.count("\n") == 1


@pytest.mark.usefixtures("checkout")
def test_production_is_left_alone(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch, "production") == 2
    assert "./dash key" in checkout.capture.readouterr().err
    assert not (checkout.root / "calls").exists()
