"""What the gateway adds: `python -m tests.bench.gateway` prints a table for people.

In one run, each on the same core: a client straight at a provider, the same through a reverse
proxy of thirty lines of aiohttp (Python's practical limit), and through the gateway with keys,
limits, breakers, metrics and accounts on. Provider and client share the other cores. The ways take
turns, so that a neighbour of this machine does not fall on one of them alone. Nothing is asserted:
figures depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from app import schema
from app.access.keys import Limits
from tests.integration import postgres
from tests.integration.app.steps import Steps
from tests.integration.service import App, free_port, until

ROOT = Path(__file__).resolve().parents[2]
BODY = {"model": "bench", "messages": [{"role": "user", "content": "Say something short. " * 20}]}
CHUNKS, PAUSE = 8, 0.005
CATALOG = """
[providers.sim]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
concurrency = 1000

[models.bench]
deployments = [{{ provider = "sim", model = "m" }}]
"""


def answer() -> bytes:
    """Return what the provider says."""
    message = {"role": "assistant", "content": "Something short, but not too short. " * 8}
    document = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160},
    }  # fmt: skip
    return json.dumps(document).encode()


def events() -> list[bytes]:
    """Return what the provider says as a stream."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": "word "}, None)] * CHUNKS + [
        ({}, "stop")
    ]
    return [
        b"data: %b\n\n"
        % json.dumps({**base, "choices": [{"index": 0, "delta": d, "finish_reason": f}]}).encode()
        for d, f in deltas
    ] + [b"data: [DONE]\n\n"]


async def provide(port: int) -> None:
    """Be a provider that answers at once, and streams with pauses."""
    whole, pieces = answer(), events()

    async def chat(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return web.Response(body=whole, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(PAUSE)
        return response

    await listen(port, chat)


async def proxy(port: int, to: int) -> None:
    """Be a reverse proxy with nothing to do but to pass on."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        url = f"http://127.0.0.1:{to}{request.path}"
        async with session.post(url, data=body, headers={"Content-Type": "a/json"}) as given:
            if given.content_type != "text/event-stream":
                return web.Response(body=await given.read(), content_type=given.content_type)
            response = web.StreamResponse(headers={"Content-Type": given.content_type})
            await response.prepare(request)
            async for piece in given.content.iter_any():
                await response.write(piece)
            return response

    await listen(port, chat)


async def listen(port: int, handler: object) -> None:
    """Serve one route for ever."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)  # type: ignore[arg-type] # of aiohttp's
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


class Client:
    """Asks one address, and notes how long each answer took."""

    def __init__(self, port: int, key: str) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def saturate(self, connections: int, seconds: float) -> list[float]:
        """Ask over and over on some connections."""
        async with self._session() as session:
            end = time.perf_counter() + seconds
            found: list[float] = []

            async def one() -> None:
                while time.perf_counter() < end:
                    found.append(await self._whole(session))

            await asyncio.gather(*(one() for _ in range(connections)))
            return sorted(found)

    async def count(self, connections: int, many: int) -> None:
        """Ask so often, on some connections."""
        left = iter(range(many))
        async with self._session() as session:

            async def one() -> None:
                for _ in left:
                    await self._whole(session)

            await asyncio.gather(*(one() for _ in range(connections)))

    async def pace(self, rate: float, seconds: float, *, stream: bool = False) -> list[float]:
        """Ask so many times a second, whether earlier answers came or not."""
        async with self._session() as session:
            ask = self._first if stream else self._whole
            tasks, started = [], time.perf_counter()
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
                tasks.append(asyncio.create_task(ask(session)))
            return sorted(await asyncio.gather(*tasks))

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=self._headers)

    async def _whole(self, session: aiohttp.ClientSession) -> float:
        started = time.perf_counter()
        async with session.post(self._url, data=_WHOLE) as response:
            await response.read()
            assert response.status == 200, await response.text()
        return time.perf_counter() - started

    async def _first(self, session: aiohttp.ClientSession) -> float:
        started, first = time.perf_counter(), 0.0
        async with session.post(self._url, data=_STREAM) as response:
            async for piece in response.content.iter_any():
                if not first and b"word" in piece:
                    first = time.perf_counter() - started
            assert first
        return first


_WHOLE = json.dumps(BODY).encode()
_STREAM = json.dumps({**BODY, "stream": True}).encode()


def cpu(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> float:
    """Return MB that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def figures(port: int, key: str, pid: int, args: argparse.Namespace) -> list[float]:
    """Measure one way once: the numbers of its line."""
    client = Client(port, key)
    uvloop.run(client.saturate(args.connections, 1))
    used = cpu(pid)
    many = uvloop.run(client.saturate(args.connections, args.seconds))
    most, used = len(many) / (cpu(pid) - used), cpu(pid)
    slow = uvloop.run(client.pace(50, args.seconds))
    used = (cpu(pid) - used) / len(slow) * 1000
    paced = uvloop.run(client.pace(100, args.seconds))
    first = uvloop.run(client.pace(20, args.seconds, stream=True))
    times = [1000 * at(paced, part) for part in (0.5, 0.95, 0.99)]
    times += [1000 * at(first, part) for part in (0.5, 0.95)]
    return [len(many) / args.seconds, most, used, *times, rss(pid)]


def line(name: str, rounds: Sequence[Sequence[float]]) -> str:
    """Return the median of each figure over all rounds."""
    found = [statistics.median(each) for each in zip(*rounds, strict=True)]
    times = " | ".join(f"{x:.2f}" for x in found[2:8])
    return f"| {name} | {found[0]:,.0f} | {found[1]:,.0f} | {times} | {found[8]:.0f} |"


def soak(port: int, key: str, pid: int, args: argparse.Namespace) -> str:
    """Ask so often in ten parts; return the memory before, and after each."""
    client, sizes = Client(port, key), [rss(pid)]
    for _ in range(10):
        uvloop.run(client.count(args.connections, args.soak // 10))
        sizes.append(rss(pid))
    told = " ".join(f"{size:.1f}" for size in sizes)
    return f"\nMB before and after each tenth of {args.soak:,} requests: {told}"


def at(found: Sequence[float], part: float) -> float:
    """Return a percentile of what is sorted."""
    return found[min(len(found) - 1, int(len(found) * part))]


def pinned(*words: object, core: int) -> subprocess.Popen[bytes]:
    """Start a part of this file on one core."""
    return subprocess.Popen(
        ["taskset", "-c", str(core), sys.executable, "-m", "tests.bench.gateway", *map(str, words)],
        cwd=ROOT,
    )


def measure(args: argparse.Namespace) -> list[str]:
    """Start everything, measure each way, and end it."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(postgres.server()).create()
        Steps(database, schema.DIRECTORY, {}).run()
        upstream, between = free_port(), free_port()
        provider = pinned("--provide", upstream, core=args.client_core)
        stack.callback(provider.kill)
        bare = pinned("--proxy", between, upstream, core=args.core)
        stack.callback(bare.kill)
        (directory / "llm.toml").write_text(CATALOG.format(port=upstream))
        app = App(database, directory, {"llm_catalog": directory / "llm.toml"})
        key = app.key(permissions=["chat:write"], limits=Limits(rate_limit=1_000_000))
        with app.serve() as serving:
            serving.ready()
            pid = serving.process.pid
            subprocess.run(["taskset", "-apc", str(args.core), str(pid)], check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
            os.sched_setaffinity(0, {args.client_core})
            ways = {
                "direct": (upstream, provider.pid),
                "proxy of 30 lines": (between, bare.pid),
                "gateway": (serving.port, pid),
            }
            rounds = [
                {name: figures(port, key, of, args) for name, (port, of) in ways.items()}
                for _ in range(args.rounds)
            ]
            lines = [line(name, [each[name] for each in rounds]) for name in ways]
            if args.soak:
                lines.append(soak(serving.port, key, pid, args))
            until(lambda: serving.metric("dash_llm_accounts_pending") == 0)
            noted = database.query("SELECT count(*) FROM llm_calls")[0][0]
            lines.append(f"\n{noted:,} calls were accounted for.")
    return lines


def main() -> None:
    """Measure and print; or be one of the parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway")
    parser.add_argument("--seconds", type=int, default=10, help="of each of four measurements")
    parser.add_argument("--rounds", type=int, default=3, help="of all ways; medians are printed")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--soak", type=int, default=0, help="requests to watch the memory over")
    parser.add_argument("--core", type=int, default=0, help="of what is measured")
    parser.add_argument("--client-core", type=int, default=1, help="of client and provider")
    parser.add_argument("--provide", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--proxy", type=int, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provide:
        uvloop.run(provide(args.provide))
    elif args.proxy:
        uvloop.run(proxy(*args.proxy))
    else:
        lines = measure(args)
        sys.stdout.write(
            f"{platform.python_implementation()} {platform.python_version()}, "
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n"
            "| way | requests/s | per CPU-s of it | CPU-s per 1,000 at 50/s | "
            "p50 ms at 100/s | p95 | p99 | "
            "first chunk p50 | p95 | MB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            + "\n".join(lines) + "\n"
        )  # fmt: skip


if __name__ == "__main__":
    main()
