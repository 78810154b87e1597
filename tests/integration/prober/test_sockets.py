"""Agents of the prober against a service that behaves, and one that does not."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.probing import agent as agent_module
from ops.probing import run as run_module
from ops.probing import sockets as sockets_module
from ops.probing.client import Target
from ops.probing.run import Plan, run
from tests.integration.prober.conftest import Serve, Service
from tests.integration.prober.fake_agents import Agents

N = 8


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "EVERY", 0.05)
    monkeypatch.setattr(agent_module, "RETRY", 0.05)
    monkeypatch.setattr(agent_module, "ABSENCE", 0.05)
    monkeypatch.setattr(agent_module, "LATE", 3.0)
    monkeypatch.setattr(agent_module, "ANSWER", 3.0)
    monkeypatch.setattr(sockets_module, "APART", 0.001)
    monkeypatch.setattr(run_module, "REPORT_EVERY", 0.05)
    monkeypatch.setattr(run_module, "GRACE", 1.0)


async def probe(
    service: Service,
    tmp_path: Path,
    change: Callable[[Agents], Any] = lambda _: None,
    seconds: float = 0.4,
    until: Callable[[Agents], bool] = lambda _: True,
) -> dict[str, Any]:
    """Run the prober with agents, do something to the service half way, return the report.

    All agents are there before it, where they are let in, and `until` has to be true of the service
    before the end: a loaded machine takes its time.
    """
    key_file = tmp_path / "key"
    key_file.write_text(service.key)
    plan = Plan(
        target=Target(url=service.url, key_file=key_file), report=tmp_path / "report.json",
        rate=50, connections=2, sockets=N,
    )  # fmt: skip
    running = asyncio.create_task(run(plan))
    await asyncio.sleep(seconds)
    if service.agents.status == 101:
        await within_ten_seconds(lambda: all_connected(service.agents))
    done = change(service.agents)
    if asyncio.iscoroutine(done):
        await done
    await asyncio.sleep(seconds)
    await within_ten_seconds(lambda: until(service.agents))
    signal.raise_signal(signal.SIGTERM)
    return await running


async def within_ten_seconds(true: Callable[[], bool]) -> None:
    """Wait until something is true; what then is not is for the assertions to say."""
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:  # noqa: ASYNC110 -- polled
        await asyncio.sleep(0.05)


def all_connected(agents: Agents) -> bool:
    """Tell whether each agent of the prober has its socket."""
    return sum(kept.socket is not None for kept in agents.agents.values()) == N


def whole(report: dict[str, Any], **more: Any) -> None:
    """Hold a report against one where nothing was lost."""
    found = report["sockets"]
    wanted = {
        "n": N, "lost": 0, "lost_messages": 0, "refused": 0, "doubled": 0, "out_of_order": 0,
        "holes": 0, "unfinished": 0, **more,
    }  # fmt: skip
    assert {key: found[key] for key in wanted} == wanted
    assert report["losses"] == []


async def test_agents_talk_and_nothing_is_lost(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        report = await probe(
            service, tmp_path,
            until=lambda agents: sum(len(kept.inbox) for kept in agents.agents.values()) > 60,
        )  # fmt: skip
    whole(report, reconnects=0)
    messages = report["sockets"]["messages"]
    assert messages == sum(len(kept.inbox) for kept in service.agents.agents.values()) > 50
    assert all(kept.acked > 1 for kept in service.agents.agents.values())
    assert report["note"] == ""
    assert f", 0 of {N} sockets lost, 0 of {messages:,} messages lost, " in report["summary"]


@pytest.mark.parametrize("polite", [True, False])
async def test_agents_that_are_sent_away_come_back_with_everything(
    serve: Serve, tmp_path: Path, polite: bool
) -> None:
    async with serve() as service:
        service.agents.polite = polite
        report = await probe(service, tmp_path, Agents.send_away, until=all_connected)
    whole(report, reconnects=N)
    assert set(service.agents.connections.values()) == {2}
    assert 0 < report["sockets"]["slowest_reconnect_ms"] < 3000


async def test_agents_wait_as_long_as_they_are_told(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.agents.after_ms = 400
        path = tmp_path / "report.json"
        report = await probe(service, tmp_path, Agents.send_away, seconds=0.3)
        assert report["sockets"]["reconnects"] == N  # the end of the run hurries them
        service.agents.after_ms = 60_000
        report = await probe(service, tmp_path, Agents.send_away, seconds=0.3)
    assert path.exists()
    assert report["sockets"]["lost"] == 0


async def test_some_agents_come_anew_when_the_colour_changes(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:

        def switch(agents: Agents) -> None:
            service.color = agents.color = "green"

        report = await probe(service, tmp_path, switch)
    whole(report, reconnects=N // sockets_module.MOVING)


@pytest.mark.parametrize(("code", "why"), [(1011, "1011"), (1001, "1001"), (4008, "4008")])
async def test_any_end_but_1012_is_a_lost_socket(
    serve: Serve, tmp_path: Path, code: int, why: str
) -> None:
    async with serve() as service:
        service.agents.code = code
        report = await probe(service, tmp_path, lambda agents: agents.send_away(only=3))
    assert report["sockets"]["lost"] == 3
    assert report["sockets"]["lost_messages"] == 0
    assert all(why in loss["why"] and loss["colors"] == ["blue"] for loss in report["losses"])
    assert f"3 of {N} sockets lost" in report["summary"]


async def test_connection_that_breaks_off_is_a_lost_socket_and_its_messages_are_not(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        report = await probe(service, tmp_path, lambda agents: agents.cut(only=2))
    assert report["sockets"]["lost"] == 2
    assert report["sockets"]["lost_messages"] == report["sockets"]["doubled"] == 0
    assert report["losses"][0]["why"].startswith("closed with 1006")


async def test_agent_that_was_replaced_stays_away(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.agents.code = 4001
        report = await probe(service, tmp_path, lambda agents: agents.send_away(only=1))
    assert report["sockets"]["lost"] == 1
    assert service.agents.connections["prober-00"] == 1


async def test_agent_that_is_not_let_back_is_lost_and_begins_anew(
    serve: Serve, tmp_path: Path
) -> None:
    async def refuse(agents: Agents) -> None:
        agents.lets_back = False
        await agents.send_away(only=1)

    async with serve() as service:
        report = await probe(
            service, tmp_path, refuse,
            until=lambda agents: agents.connections["prober-00"] == 2,
        )  # fmt: skip
    assert report["sockets"]["lost"] == 1
    assert report["losses"][0]["why"].startswith("it was not let back: resume: ")
    assert service.agents.connections["prober-00"] == 2


async def test_agent_that_cannot_come_back_in_time_is_lost(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "LATE", 0.2)

    async def shut(agents: Agents) -> None:
        agents.status = 503
        await agents.send_away(only=2)

    async with serve() as service:
        report = await probe(service, tmp_path, shut)
    assert report["sockets"]["lost"] == 2
    assert [loss["why"] for loss in report["losses"]] == ["not back in time: /ws answers 503"] * 2


async def test_service_that_forgets_what_it_accepted_is_found_out(
    serve: Serve, tmp_path: Path
) -> None:
    async def forget(agents: Agents) -> None:
        agents.forgets = True
        await agents.send_away(only=1)

    async with serve() as service:
        report = await probe(service, tmp_path, forget)
    assert report["sockets"]["lost"] >= 1  # what it dropped of the others' is lost as well
    assert "the service forgot messages: 0 received" in report["losses"][0]["why"]


async def test_service_that_accepts_nothing_is_found_out(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "ANSWER", 0.3)
    async with serve() as service:
        service.agents.silent = True
        report = await probe(service, tmp_path)
    assert report["sockets"]["lost"] == N
    assert report["losses"][0]["why"] == "nothing was accepted for 0.3 s"


@pytest.mark.parametrize(
    ("fault", "figures", "why"),
    [
        ("drop", {"lost_messages": N}, "was accepted and did not come"),
        ("skip", {"lost_messages": N, "holes": N}, " came after "),
        ("twice", {"doubled": N}, " came twice"),
        ("again", {"doubled": N}, " came twice"),
        ("late", {"out_of_order": N}, " came after "),
        ("refuse", {"lost_messages": N, "refused": N}, "was refused: inbox_full"),
    ],
)
async def test_every_fault_with_a_message_is_counted(
    serve: Serve, tmp_path: Path, fault: str, figures: dict[str, int], why: str
) -> None:
    async with serve() as service:
        report = await probe(
            service, tmp_path, lambda agents: setattr(agents, "fault", fault),
            until=lambda agents: len(agents.hurt | agents.held.keys()) == N,
        )  # fmt: skip
    assert {key: report["sockets"][key] for key in figures} == figures
    assert report["sockets"]["lost"] == N
    assert why in report["losses"][0]["why"]
    assert report["losses"][0]["colors"] == ["blue"]


@pytest.mark.parametrize("status", [403, 404])
async def test_release_without_sockets_loses_none_and_is_named(
    serve: Serve, tmp_path: Path, status: int
) -> None:
    async def leave(agents: Agents) -> None:
        agents.status = status
        await agents.send_away()

    async with serve() as service:
        report = await probe(service, tmp_path, leave)
    assert report["sockets"]["lost"] == report["sockets"]["lost_messages"] == 0
    assert report["note"] == f"{N} of {N} sockets not open: /ws answers {status}"
    assert report["summary"].endswith(report["note"])


async def test_sockets_open_once_a_release_has_them(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.agents.status = 404
        report = await probe(
            service, tmp_path, lambda agents: setattr(agents, "status", 101), until=all_connected
        )
    whole(report, reconnects=0)
    assert report["note"] == ""


async def test_sockets_that_never_opened_are_not_judged(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.agents.status = 500
        report = await probe(service, tmp_path, seconds=0.3)
    assert (report["sockets"]["n"], report["sockets"]["lost"]) == (0, 0)
    assert report["note"] == f"{N} of {N} sockets not judged, never opened: /ws answers 500"


async def test_messages_of_an_earlier_run_are_taken_and_not_counted(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        await probe(service, tmp_path, seconds=0.3)
        kept = service.agents.agents["prober-01"]
        kept.acked = max(0, kept.acked - 3)  # its acknowledgement was lost: these come again
        report = await probe(service, tmp_path, seconds=0.3)
    whole(report)
