"""One run of the prober: due requests at a fixed rate, a report twice a second, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.probing.client import Client, Target, settle
from ops.probing.company import Company
from ops.probing.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORT_EVERY = 0.5  # seconds
LAG = 1.0  # seconds behind at which the plan moves: this machine slept, nobody else stalled
GRACE = 5.0  # seconds for requests under way once somebody asked for the end


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to send, how long, and where to tell of it.

    Args:
        target: where requests go.
        report: file to keep writing.
        rate: requests a second.
        connections: how many connections are kept.
        parent: a process id to end with.
        max_seconds: ends after so many seconds.
        requests: ends after so many requests; then every bad answer counts.
        excused: request → fault that was there before (see `Tally`).
        sockets: how many agents stay connected beside the requests.
        streams: how many streams are read beside them.
        smoke: whether to look first that one agent and one stream work.
    """

    target: Target
    report: Path
    rate: float = 50.0
    connections: int = 20
    parent: int | None = None
    max_seconds: float | None = None
    requests: int | None = None
    excused: Mapping[str, str] = field(default_factory=dict)
    sockets: int = 0
    streams: int = 0
    smoke: bool = False


async def run(plan: Plan) -> dict[str, Any]:
    """Send requests until the plan, a signal or the parent's end says stop; return the report.

    Raises:
        ProcessLookupError: when there is no process `plan.parent`.
    """
    stop = asyncio.Event()
    tally = Tally(plan.rate, baseline=plan.requests is None, excused=plan.excused)
    with ExitStack() as stack:
        _stop_on(stop, plan, stack)
        async with (
            Client(plan.target, plan.connections) as client,
            Company(plan.target, client.key, sockets=plan.sockets, streams=plan.streams) as company,
        ):
            tally.note = client.read_key()
            smoke = await company.smoke() if plan.smoke else ""
            write(plan.report, tally.report(running=True, beside=company.report()))
            reporter = asyncio.create_task(_report(plan, tally, client, company))
            under_way = await _send(plan, tally, client, stop)
            ended = time.monotonic()
            grace = GRACE if stop.is_set() else plan.target.timeout + 1
            await asyncio.gather(settle(under_way, grace), company.finish(GRACE))
            reporter.cancel()
            with suppress(asyncio.CancelledError):
                await reporter
            beside = {**company.report(), "smoke": smoke}
        report = tally.report(running=False, sending_ended=ended, beside=beside)
        write(plan.report, report)
    return report


def _stop_on(stop: asyncio.Event, plan: Plan, stack: ExitStack) -> None:
    """Set `stop` on SIGTERM, SIGINT and the parent's end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
        stack.callback(loop.remove_signal_handler, number)
    if plan.parent is not None:
        watched = os.pidfd_open(plan.parent)
        loop.add_reader(watched, stop.set)
        stack.callback(os.close, watched)
        stack.callback(loop.remove_reader, watched)


async def _send(
    plan: Plan, tally: Tally, client: Client, stop: asyncio.Event
) -> set[asyncio.Task[None]]:
    """Start every request when it is due, whatever became of those before; return the open ones."""
    under_way: set[asyncio.Task[None]] = set()
    due = started = time.monotonic()

    async def one(intended: float) -> None:
        tally.record(await client.send(intended))

    while not stop.is_set() and tally.sent != plan.requests:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if stop.is_set() or (plan.max_seconds is not None and now - started >= plan.max_seconds):
            break
        tally.own_delay = max(tally.own_delay, now - due)
        if now - due > LAG:
            due = now
        tally.sent += 1
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        due += 1 / plan.rate
    return under_way


async def _report(plan: Plan, tally: Tally, client: Client, company: Company) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY)
        company.look(tally.color)
        tally.note = "; ".join(note for note in (client.read_key(), company.note) if note)
        write(plan.report, tally.report(running=True, beside=company.report()))


def write(path: Path, report: dict[str, Any]) -> None:
    """Replace the report in one step: a reader sees the old one or the new one."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}-", encoding="utf-8", delete=False
    ) as out:
        json.dump(report, out, separators=(",", ":"))
    Path(out.name).replace(path)
