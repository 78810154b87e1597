"""The second opinion of the end-to-end tests sees failures too."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.prober.conftest import make_authority
from tests.integration.prober.fake_agents import Agents

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.prober.conftest import Serve, Service

ROOT = Path(__file__).resolve().parents[3]


async def figures(
    url: str, *words: str, until: asyncio.Event | None = None
) -> tuple[int | None, dict[str, Any]]:
    """Run the client to its end, or end it once something happened; return code and figures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.independent_client", "--url", url, "--rate", "200", *words,
        stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    if until is not None:
        await until.wait()
        process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, json.loads(out)


async def test_good_service_over_tls(serve: Serve, tmp_path: Path, key_file: Path) -> None:
    authority = make_authority(tmp_path / "ca", "edge.test")
    async with serve(tls=authority.server) as service:
        code, found = await figures(
            service.url, "--ca", str(authority.ca), "--key-file", str(key_file),
            "--requests", "80", "--connections", "4",
        )  # fmt: skip
    assert code == 0
    assert (found["sent"], found["failed"], found["failures"]) == (80, 0, [])
    assert found["by_kind"] == {"keepalive": 40, "post": 20, "fresh": 20}
    assert found["colors"] == {"blue": 80}
    assert len(service.connections) == 24
    assert service.paths["POST /v1/echo"] == 20
    assert service.paths["GET /v1/me"] > 10


async def test_every_kind_of_trouble_is_a_failure(serve: Serve, key_file: Path) -> None:
    def fail(service: Service) -> None:
        service.status = 503

    def refuse(service: Service) -> None:
        service.key = "another"

    def cut(service: Service) -> None:
        service.break_off = "within"

    def drop(service: Service) -> None:
        service.break_off = "before"

    def change(service: Service) -> None:
        service.echo = lambda body: body.replace(b"xxx", b"xyx")

    troubles = [fail, cut, drop, refuse, change]

    async def one(trouble: Callable[[Service], None]) -> tuple[int | None, dict[str, Any]]:
        async with serve() as service:
            trouble(service)
            words = ("--key-file", str(key_file), "--requests", "20", "--connections", "4")
            return await figures(service.url, *words)

    ended = await asyncio.gather(*(one(trouble) for trouble in troubles))
    assert [code for code, _ in ended] == [1] * 5
    found = [figures for _, figures in ended]
    assert [one["sent"] for one in found] == [20] * 5
    assert [one["failed"] for one in found[:3]] == [20] * 3
    assert found[3]["failed"] > found[3]["by_kind"]["post"] > 0  # GET /v1/me was refused as well
    assert found[4]["failed"] == found[4]["by_kind"]["post"] > 0


async def test_signal_ends_it_with_its_figures(serve: Serve) -> None:
    async with serve() as service:
        code, found = await figures(service.url, until=service.busy)
    assert code == 0
    assert 0 < found["sent"] == sum(service.paths.values())


async def open_figures(
    serve: Serve, key_file: Path, change: Callable[[Agents], Any]
) -> tuple[int | None, dict[str, Any]]:
    """Run the client with agents and streams, and do something to the service half way."""
    async with serve() as service:
        words = ("--sockets", "4", "--streams", "2", "--max-seconds", "9")
        running = asyncio.create_task(
            figures(service.url, "--key-file", str(key_file), "--connections", "2", *words)
        )
        await asyncio.sleep(5)
        done = change(service.agents)
        if asyncio.iscoroutine(done):
            await done
        return await running


GOOD = {
    "failed": 0, "sockets": 4, "lost_sockets": 0, "lost_messages": 0, "doubled_messages": 0,
    "out_of_order": 0, "broken_streams": 0, "open_faults": [],
}  # fmt: skip


async def test_agents_that_are_sent_away_come_back_with_everything(
    serve: Serve, key_file: Path
) -> None:
    code, found = await open_figures(serve, key_file, Agents.send_away)
    assert (code, {key: found[key] for key in GOOD}) == (0, GOOD)
    assert found["reconnects"] >= 4  # one comes anew by itself as well
    assert found["messages"] >= 8
    assert found["streams"] >= 2


@pytest.mark.slow  # 25 s: the other tests of this file and of the prober count as it does
async def test_what_is_lost_is_counted(serve: Serve, key_file: Path) -> None:
    changes: dict[str, Callable[[Agents], Any]] = {
        "lost_sockets": Agents.cut,
        "lost_messages": lambda agents: setattr(agents, "fault", "drop"),
        "doubled_messages": lambda agents: setattr(agents, "fault", "twice"),
        "out_of_order": lambda agents: setattr(agents, "fault", "skip"),
        "broken_streams": lambda agents: setattr(agents, "cut_streams", "off"),
    }
    ended = await asyncio.gather(*(open_figures(serve, key_file, c) for c in changes.values()))
    for (code, found), wrong in zip(ended, changes, strict=True):
        assert (code, found["failed"]) == (1, 0), wrong
        assert found[wrong] > 0, found
        assert found["open_faults"]
