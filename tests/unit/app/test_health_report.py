"""The database gates the start; later its loss is degraded and nothing more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from app import health
from app.errors import Unavailable
from app.health import Health
from app.settings import Settings


class Stub:
    """Transactions that answer as told: a reason ("" fits), or an exception."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)

    async def run(self, _work: Callable[[Any], Awaitable[str]], _seconds: float = 0) -> str:
        """Give the next answer; the last one again and again."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def made(settings: Settings, *answers: str | Exception) -> Health:
    """Return a started Health that sees these answers."""
    found = Health(settings, Stub(*answers))  # type: ignore[arg-type]  # as much of it as is used
    found.started = True
    return found


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> list[str | Exception]:
    """Replace the start's own connection by answers; the last one again and again."""
    answers: list[str | Exception] = []

    async def ask(_self: Health) -> str:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Health, "_ask_directly", ask)
    monkeypatch.setattr(health, "RETRY_SECONDS", 0.01)
    return answers


async def test_the_start_waits_for_the_database(
    settings: Settings, asked: list[str | Exception]
) -> None:
    gone = psycopg.OperationalError("connection refused")
    asked.extend([gone, TimeoutError(), ""])
    found = Health(settings, Stub(""))  # type: ignore[arg-type]  # as much of it as is used
    assert found.report()["status"] == "starting"
    task = asyncio.create_task(found.run())
    while not found.started:
        assert not found.ready
        await asyncio.sleep(0.005)
    task.cancel()
    assert found.ready
    assert found.report() == {
        "status": "ready",
        "checks": {"started": "ok", "draining": "ok", "database": "ok", "schema": "ok"},
    }


async def test_the_start_gives_up_after_its_time_and_says_why(
    settings: Settings, asked: list[str | Exception]
) -> None:
    asked.append(psycopg.OperationalError("connection failed: Connection refused\n"))
    short = settings.model_copy(update={"start_seconds": 0.05})
    found = Health(short, Stub(""))  # type: ignore[arg-type]  # as much of it as is used
    await found.run()
    assert found.refused.is_set()
    assert found.why == (
        "the database dash on 127.0.0.1:1 does not answer: Connection refused (waited 0.05 s)"
    )
    assert not found.ready


async def test_a_schema_that_does_not_fit_is_refused_at_once(
    settings: Settings, asked: list[str | Exception]
) -> None:
    asked.append("migration 0002_x is not applied")
    found = Health(settings, Stub(""))  # type: ignore[arg-type]  # as much of it as is used
    started = time.monotonic()
    await found.run()
    assert time.monotonic() - started < 5
    assert "cannot work with the schema: migration 0002_x is not applied. Next:" in found.why
    checks = found.report()["checks"]
    assert isinstance(checks, dict)
    assert checks["schema"] == "migration 0002_x is not applied"


@pytest.mark.parametrize(
    ("answer", "database", "schema"),
    [
        (Unavailable(), "no answer", "unknown"),
        ("migration 0009_x is contract and not known to this release", "ok", "migration 0009_x"),
        (psycopg.errors.InternalError("a strange state"), "a strange state", "unknown"),
    ],
)
async def test_what_is_lost_after_the_start_is_degraded_and_still_ready(
    settings: Settings, answer: str | Exception, database: str, schema: str
) -> None:
    found = made(settings, answer, "")
    await found._look()
    report: Any = found.report()
    assert (report["status"], found.ready) == ("degraded", True)
    assert report["checks"]["database"] == database
    assert report["checks"]["schema"].startswith(schema)
    await found._look()
    assert (found.report()["status"], found.ready) == ("ready", True)


async def test_draining_is_not_ready_whatever_else(settings: Settings) -> None:
    found = made(settings, "")
    await found._look()
    found.draining = True
    assert (found.report()["status"], found.ready) == ("draining", False)
