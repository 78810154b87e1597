"""The prober's streams against a service that ends them well, and one that does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ops.probing import run as run_module
from ops.probing import streams as streams_module
from ops.probing.client import Target
from ops.probing.run import Plan, run
from tests.integration.prober.conftest import Serve, Service


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    path = streams_module.PATH.replace("every_ms=100", "every_ms=1")
    monkeypatch.setattr(streams_module, "EVERY_MS", 1)
    monkeypatch.setattr(streams_module, "PATH", path)
    monkeypatch.setattr(streams_module, "RETRY", 0.05)
    monkeypatch.setattr(run_module, "REPORT_EVERY", 0.05)


async def probe(service: Service, tmp_path: Path, **change: Any) -> dict[str, Any]:
    """Run the prober with streams, change the service half way, return the report."""
    key_file = tmp_path / "key"
    key_file.write_text(service.key)
    plan = Plan(
        target=Target(url=service.url, key_file=key_file), report=tmp_path / "report.json",
        rate=50, connections=2, max_seconds=0.8, streams=4,
    )  # fmt: skip
    running = asyncio.create_task(run(plan))
    await asyncio.sleep(0.4)
    for name, value in change.items():
        setattr(service.agents, name, value)
    return await running


async def test_streams_follow_one_another_and_none_is_broken(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        report = await probe(service, tmp_path)
    n = report["streams"]["n"]
    assert n >= 4
    assert report["streams"] == {"n": n, "broken": 0}
    assert f", 0 of {n} streams broken, worst gap" in report["summary"]


@pytest.mark.parametrize(
    ("how", "why"),
    [("off", "Error"), ("short", "1 of 30 numbers"), ("shuffled", "30 of 30 numbers, or out of")],
)
async def test_stream_that_is_not_whole_is_broken(
    serve: Serve, tmp_path: Path, how: str, why: str
) -> None:
    async with serve() as service:
        report = await probe(service, tmp_path, cut_streams=how)
    assert report["streams"]["broken"] >= 4
    assert why in report["losses"][0]["why"]
    assert (report["losses"][0]["what"], report["losses"][0]["colors"]) == ("stream", ["blue"])


async def test_stream_that_is_answered_with_an_error_is_broken(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        report = await probe(service, tmp_path, stream_status=503)
    assert report["streams"]["broken"] >= 4
    assert report["losses"][0]["why"] == "answered 503"


@pytest.mark.parametrize("status", [403, 404])
async def test_release_without_streams_breaks_none_and_is_named(
    serve: Serve, tmp_path: Path, status: int
) -> None:
    async with serve() as service:
        report = await probe(service, tmp_path, stream_status=status)
    assert report["streams"]["broken"] == 0
    assert report["note"] == f"no streams: /v1/echo/events answers {status}"


async def test_streams_that_were_bad_from_the_start_are_not_judged(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        service.agents.stream_status = 500
        report = await probe(service, tmp_path)
    assert report["streams"] == {"n": 0, "broken": 0}
    assert report["note"] == "streams not judged, bad from the start: answered 500"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("data: 1\n\ndata: 2\n\nevent: done\ndata:\n\n", ""),
        ("data: 0\r\n\r\ndata: 1\r\n\r\nevent: done\r\ndata: {}\r\n\r\n", ""),
        (": ping\n\ndata: 1\n\ndata: 2\n\nevent: done\ndata:\n\n", ""),
        ("data: 1\n\nevent: done\n\n", "1 of 2 numbers, or out of order"),
        ("data: 1\n\ndata: 3\n\nevent: done\n\n", "2 of 2 numbers, or out of order"),
        ("data: 1\n\ndata: 2\n\n", "ended after 2 of 2 numbers"),
        ("", "ended after 0 of 2 numbers"),
    ],
)
def test_what_is_wrong_with_a_stream(text: str, wrong: str) -> None:
    assert streams_module.wrong_with(text, 2) == wrong
