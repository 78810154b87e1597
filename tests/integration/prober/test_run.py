"""The prober against a real server: what it sees is what a client would see."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from ops.probing import run as run_module
from ops.probing.client import Target
from ops.probing.run import Plan, run
from tests.integration.prober.conftest import make_authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.prober.conftest import Serve, Service

RATE = 400.0


def plan_for(service: Service, tmp_path: Path, **known: Any) -> Plan:
    names = ("key_file", "timeout", "tls", "server_name", "headers")
    target = Target(url=service.url, **{k: known.pop(k) for k in names if k in known})
    words = {"rate": RATE, "connections": 4, "report": tmp_path / "report.json", **known}
    return Plan(target=target, **words)


async def later(seconds: float, change: Callable[[], Any]) -> None:
    await asyncio.sleep(seconds)
    change()


async def test_good_service_has_no_failures(serve: Serve, tmp_path: Path, key_file: Path) -> None:
    async with serve() as service:
        report = await run(plan_for(service, tmp_path, key_file=key_file, requests=60))
    assert (report["sent"], report["answered"], report["failed"]) == (60, 60, 0)
    assert {kind: figures["n"] for kind, figures in report["by_kind"].items()} == {
        "keepalive": 36, "fresh": 12, "post": 12,
    }  # fmt: skip
    assert service.paths["POST /v1/echo"] == 12
    assert service.paths["GET /v1/me"] > 10
    assert service.paths["GET /healthz"] > 10
    assert report["by_color"]["blue"]["n"] == report["by_version"]["1.0"]["n"] == 60
    assert sum(second["n"] for second in report["seconds"]) == 60
    assert report["reachable"]
    assert report["note"] == ""
    assert not report["running"]
    assert json.loads((tmp_path / "report.json").read_text()) == report


async def test_connections_are_kept_and_fresh_ones_are_fresh(
    serve: Serve, tmp_path: Path, key_file: Path
) -> None:
    async with serve() as service:
        await run(plan_for(service, tmp_path, key_file=key_file, requests=100, connections=4))
    counts = sorted(service.connections.values())
    assert counts == [1] * 20 + [20] * 4


async def test_post_is_left_out_until_the_key_is_there(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "REPORT_EVERY", 0.05)
    path = tmp_path / "key"
    async with serve() as service:
        service.key = "late"
        plan = plan_for(service, tmp_path, key_file=path, max_seconds=0.5, rate=100)
        running = asyncio.create_task(run(plan))
        await asyncio.sleep(0.2)
        early = json.loads(plan.report.read_text())
        path.write_text("late")
        report = await running
    assert early["note"] == f"no POST: no key in {path}"
    assert early["running"]
    assert report["note"] == ""
    assert report["failed"] == 0
    assert 0 < report["by_kind"]["post"]["n"] <= 6
    assert report["by_kind"]["post"]["judged"]


async def test_answers_of_500_are_failures(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        plan = plan_for(service, tmp_path, max_seconds=0.4)
        change = asyncio.create_task(later(0.2, lambda: setattr(service, "status", 500)))
        report = await run(plan)
        await change
    assert 0 < report["failed"] < report["sent"]
    assert report["by_color"]["blue"]["failed"] == report["failed"]
    assert report["failures"][0]["request_id"] == "r-1"


async def test_refused_key_is_not_judged_but_the_rest_is(
    serve: Serve, tmp_path: Path, key_file: Path
) -> None:
    async with serve() as service:
        service.key = "another"
        report = await run(plan_for(service, tmp_path, key_file=key_file, max_seconds=0.3))
    assert report["failed"] == 0
    assert report["not_judged"] == {"GET /v1/me": "401", "POST /v1/echo": "401"}
    assert report["by_kind"]["keepalive"]["judged"]
    assert not report["by_kind"]["post"]["judged"]


async def test_every_bad_answer_counts_when_a_number_is_asked_for(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        service.status = 500
        report = await run(plan_for(service, tmp_path, requests=20))
    assert (report["sent"], report["failed"]) == (20, 20)


async def test_stall_is_seen_in_full(serve: Serve, tmp_path: Path) -> None:
    """Requests that were due during a stall count from when they were due."""
    async with serve() as service:
        plan = plan_for(service, tmp_path, max_seconds=1, rate=100, connections=1)
        steps = [
            asyncio.create_task(later(0.2, service.gate.clear)),
            asyncio.create_task(later(0.6, service.gate.set)),
        ]
        report = await run(plan)
        await asyncio.gather(*steps)
    assert report["failed"] == 0
    assert report["sent"] == pytest.approx(100, abs=5)  # it kept sending
    assert 350 < report["worst_gap_ms"] < 600
    # 40 of 100 were due in the stall: a client that waits its turn would have seen 2
    assert report["by_color"]["blue"]["p95_ms"] > 300
    assert report["by_color"]["blue"]["p50_ms"] < 300


async def test_no_complete_answer_in_time_is_a_failure(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.delay = 1
        report = await run(plan_for(service, tmp_path, requests=10, timeout=0.2))
    assert (report["failed"], report["answered"]) == (10, 0)
    assert report["failures"][0]["error"] == "timeout: no complete answer within 0.2 s"


async def test_request_that_had_no_time_left_fails_without_piling_up(
    serve: Serve, tmp_path: Path
) -> None:
    """A stalled connection does not collect requests: each has its time from when it was due."""
    async with serve() as service:
        service.delay = 5
        plan = plan_for(service, tmp_path, requests=40, rate=200, connections=1, timeout=0.2)
        loop = asyncio.get_running_loop()
        started = loop.time()
        report = await run(plan)
        assert loop.time() - started < 1
    assert report["failed"] == 40


@pytest.mark.parametrize("where", ["before", "within"])
async def test_connection_broken_off_is_a_failure(serve: Serve, tmp_path: Path, where: str) -> None:
    """An answer that begins and does not end is no answer, and nothing is quietly sent again."""
    async with serve() as service:
        plan = plan_for(service, tmp_path, max_seconds=0.4, rate=100)
        change = asyncio.create_task(later(0.2, lambda: setattr(service, "break_off", where)))
        report = await run(plan)
        await change
    assert report["failed"] > 10
    assert report["failed"] + report["answered"] == report["sent"] == sum(service.paths.values())


async def test_refused_connection_is_a_failure_and_not_reachable(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        pass
    report = await run(plan_for(service, tmp_path, requests=5))
    assert (report["failed"], report["reachable"]) == (5, False)
    assert report["failures"][0]["error"].startswith("ClientConnectorError: ")


async def test_switch_of_colour_under_load_is_seen_once(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        plan = plan_for(service, tmp_path, max_seconds=0.5)
        change = asyncio.create_task(later(0.25, lambda: setattr(service, "color", "green")))
        report = await run(plan)
        await change
    assert [(s["from"], s["to"]) for s in report["switches"]] == [("blue", "green")]
    assert report["failed"] == 0


async def test_echo_that_comes_back_changed_is_a_failure(
    serve: Serve, tmp_path: Path, key_file: Path
) -> None:
    async with serve() as service:
        service.echo = lambda body: body.replace(b"0123", b"0124")
        report = await run(plan_for(service, tmp_path, key_file=key_file, requests=20))
    assert report["by_kind"]["post"]["failed"] == report["failed"] == 4
    assert report["failures"][0]["error"].startswith("changed body")


async def test_echo_may_be_spaced_otherwise_but_must_be_json(
    serve: Serve, tmp_path: Path, key_file: Path
) -> None:
    async with serve() as service:
        service.echo = lambda body: json.dumps(json.loads(body), indent=1).encode()
        good = await run(plan_for(service, tmp_path, key_file=key_file, requests=20))
        service.echo = lambda _: b"<html>"
        bad = await run(plan_for(service, tmp_path, key_file=key_file, requests=20))
    assert (good["failed"], bad["failed"]) == (0, 4)


async def test_tls_is_checked_against_the_given_authority(serve: Serve, tmp_path: Path) -> None:
    ours = make_authority(tmp_path / "ours", "edge.test")
    other = make_authority(tmp_path / "other", "edge.test")

    def trusting(path: Path) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=path)

    async with serve(tls=ours.server) as service:
        good = await run(plan_for(service, tmp_path, requests=20, tls=trusting(ours.ca)))
        named = plan_for(
            service, tmp_path, requests=5, tls=trusting(ours.ca), server_name="edge.test"
        )
        bad = plan_for(service, tmp_path, requests=5, tls=trusting(other.ca))
        wrong = plan_for(
            service, tmp_path, requests=5, tls=trusting(ours.ca), server_name="wrong.test"
        )
        reports = [await run(plan) for plan in (named, bad, wrong)]
    assert good["failed"] == 0
    assert [r["failed"] for r in reports] == [0, 5, 5]
    assert "Certificate" in reports[1]["failures"][0]["error"]


async def test_headers_are_sent_along(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        plan = plan_for(service, tmp_path, requests=5, headers={"X-Deploy-Token": "t"})
        await run(plan)
    assert service.headers == ["t"] * 5


async def test_own_delay_moves_the_plan_and_is_reported(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept must not send all it missed, nor blame the service."""
    monkeypatch.setattr(run_module, "LAG", 0.1)
    async with serve() as service:
        plan = plan_for(service, tmp_path, max_seconds=0.6, rate=50)
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.4)
        report = await run(plan)
    assert report["own_delay_ms"] > 350
    assert report["sent"] < 15


async def test_interrupt_ends_the_run(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        running = asyncio.create_task(run(plan_for(service, tmp_path)))
        await asyncio.sleep(0.2)
        signal.raise_signal(signal.SIGINT)
        report = await asyncio.wait_for(running, 2)
    assert 0 < report["sent"] < 200
    assert report["unfinished"] == report["failed"] == 0
    assert not report["running"]


async def test_request_that_hangs_at_the_end_is_unfinished_not_failed(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "GRACE", 0.1)
    async with serve() as service:
        running = asyncio.create_task(run(plan_for(service, tmp_path, rate=100)))
        await asyncio.sleep(0.2)
        service.gate.clear()
        await asyncio.sleep(0.05)
        signal.raise_signal(signal.SIGTERM)
        report = await asyncio.wait_for(running, 2)
    assert report["failed"] == 0
    assert report["unfinished"] == report["sent"] - report["answered"] > 0
