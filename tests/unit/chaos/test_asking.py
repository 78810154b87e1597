"""Traffic that needs the database: who asks, how long, and what a key that may not see says."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest

from chaos.client import Reply, WorldError
from chaos.traffic import actions
from tests.unit.chaos.world import World, opened


def answering(monkeypatch: pytest.MonkeyPatch, *statuses: int) -> list[dict[str, Any]]:
    """Have every request be answered with the next status; return what was asked with."""
    asked: list[dict[str, Any]] = []
    following = itertools.cycle(statuses)
    lock = threading.Lock()

    def request(_self: World, path: str, **known: Any) -> Reply:
        with lock:
            asked.append({"path": path, **known})
            return Reply(status=next(following), seconds=0.1)

    monkeypatch.setattr(World, "request", request)
    monkeypatch.setattr(actions, "PAUSE", 0.001)
    return asked


def test_all_ask_again_and_again_with_our_key_and_answers_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, 200, 503)
    with opened(tmp_path):
        found = actions.ask_for_agents(0.05, askers=3)

    assert found.keys() == {"200", "503"}
    assert sum(found.values()) == len(asked) > 6
    assert all(each["path"] == "/v1/agents" and each["known"] for each in asked)


def test_a_key_that_may_not_see_agents_is_named_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 403)
    with opened(tmp_path), pytest.raises(WorldError, match=r"our key may not .* rm .*chaos_key"):
        actions.ask_for_agents(0)
