"""What signing in gives away and costs: `python -m tests.bench.signin` prints tables for people.

First: known and unknown users in turn with a wrong password, and how far their means differ.
Then: how long `GET /v1/me` takes with a key that the service knows, alone and while more people
sign in than the machine can hash passwords for. Whoever asks is a process of its own. Nothing is
asserted: figures depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import aiohttp

from app import schema
from tests.integration import postgres
from tests.integration.app.browser import EMAIL, sign_up
from tests.integration.app.steps import Steps
from tests.integration.service import ROOT, App, Serving

UNKNOWN = "nobody@example.org"
WRONG = "not the password at all"
RESAMPLED = 10_000
FREE: dict[str, object] = {
    "sign_up": True, "lockout_account": 10**6, "lockout_address": 10**6, "address_rate": 10**6,
}  # fmt: skip
Document = dict[str, Any]


def interval(known: Sequence[float], unknown: Sequence[float], seed: int) -> tuple[float, float]:
    """Return a 95 % confidence interval of the difference of means, by the bootstrap."""
    draw = random.Random(seed)  # noqa: S311 -- no secret
    found = sorted(
        fmean(draw.choices(known, k=len(known))) - fmean(draw.choices(unknown, k=len(unknown)))
        for _ in range(RESAMPLED)
    )
    return found[int(RESAMPLED * 0.025)], found[int(RESAMPLED * 0.975)]


def at(found: Sequence[float], part: float) -> float:
    """Return a percentile of what is sorted."""
    return found[min(len(found) - 1, int(len(found) * part))]


async def signed_in(session: aiohttp.ClientSession, email: str) -> tuple[int, float, str]:
    """Try to sign in and return status, milliseconds and Retry-After."""
    started = time.perf_counter()
    async with session.post("/v1/sessions", json={"email": email, "password": WRONG}) as answer:
        await answer.read()
        took = (time.perf_counter() - started) * 1000
        return answer.status, took, answer.headers.get("Retry-After", "")


async def compare(url: str, tries: int) -> Document:
    """Ask in turn as a known and as an unknown user."""
    times: dict[str, list[float]] = {EMAIL: [], UNKNOWN: []}
    async with aiohttp.ClientSession(url) as session:
        for number in range(2 * tries + 4):
            email = (EMAIL, UNKNOWN)[(number + number // 2) % 2]  # neither is always the first
            status, took, _ = await signed_in(session, email)
            assert status == 401, status
            if number >= 4:  # the first ones warm up
                times[email].append(took)
    return {"known": times[EMAIL], "unknown": times[UNKNOWN]}


async def load(url: str, key: str, seconds: float, rate: float, sign_ins: float) -> Document:
    """Ask for /v1/me at a rate, whatever the answers take, and sign in at another."""
    took: list[float] = []
    seen: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    others: list[float] = []

    async def me(session: aiohttp.ClientSession) -> None:
        started = time.perf_counter()
        async with session.get("/v1/me", headers={"Authorization": f"Bearer {key}"}) as answer:
            await answer.read()
            took.append((time.perf_counter() - started) * 1000)
            seen[f"me {answer.status}"] += 1

    async def enter(session: aiohttp.ClientSession) -> None:
        status, milliseconds, wait = await signed_in(session, EMAIL)
        seen[f"sign-in {status}"] += 1
        others.append(milliseconds)
        if wait:
            waits[wait] += 1

    async def every(work: Any, session: aiohttp.ClientSession, each: float) -> None:
        if not each:
            return
        begun, tasks = time.perf_counter(), []
        for number in range(int(seconds * each)):
            await asyncio.sleep(max(0.0, begun + number / each - time.perf_counter()))
            tasks.append(asyncio.create_task(work(session)))
        await asyncio.gather(*tasks)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        for _ in range(50):
            await me(session)
        took.clear()
        seen.clear()
        await asyncio.gather(every(me, session, rate), every(enter, session, sign_ins))
    return {"took": sorted(took), "seen": seen, "waits": waits, "sign_ins": sorted(others)}


def client(*words: object) -> Document:
    """Run one of the two in a process of its own and return what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.signin", "--as-client", *map(str, words)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: Document = json.loads(done.stdout)
    return found


def as_client(words: Sequence[str]) -> None:
    """Be that process."""
    what, url, *rest = words
    if what == "compare":
        found = asyncio.run(compare(url, int(rest[0])))
    else:
        key, seconds, rate, sign_ins = rest
        found = asyncio.run(load(url, key, float(seconds), float(rate), float(sign_ins)))
    sys.stdout.write(json.dumps(found))


def timing(serving: Serving, args: argparse.Namespace) -> list[str]:
    """Return the table of known and unknown users."""
    found = client("compare", f"http://127.0.0.1:{serving.port}", args.tries)
    known, unknown = found["known"], found["unknown"]
    low, high = interval(known, unknown, args.seed)
    said = (
        f"Difference of means: {fmean(known) - fmean(unknown):+.2f} ms, "
        f"95 % confidence interval {low:+.2f} to {high:+.2f} ms."
    )
    return [
        "| user | tries | mean ms | p50 ms | p99 ms |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {who} | {len(x)} | {fmean(x):.2f} | {at(sorted(x), 0.5):.2f} "
            f"| {at(sorted(x), 0.99):.2f} |"
            for who, x in (("known", known), ("unknown", unknown))
        ),
        "",
        said,
    ]


def crowd(serving: Serving, key: str, args: argparse.Namespace) -> list[str]:
    """Return the table of other requests without and with a crowd that signs in."""
    lines = [
        "| sign-ins a second | GET /v1/me | p50 ms | p95 ms | p99 ms | sign-ins answered |",
        "|---:|---:|---:|---:|---:|---|",
    ]
    worst = []
    for _ in range(args.rounds):
        for offered in (0, args.sign_ins):
            url = f"http://127.0.0.1:{serving.port}"
            found = client("load", url, key, args.seconds, args.rate, offered)
            took = found["took"]
            seen = {k[8:]: n for k, n in found["seen"].items() if k.startswith("sign-in")}
            said = ", ".join(f"{n} x {status}" for status, n in sorted(seen.items())) or "-"
            if found["waits"]:
                said += "; Retry-After " + ", ".join(sorted(found["waits"])) + " s"
            cells = " | ".join(f"{at(took, part):.2f}" for part in (0.5, 0.95, 0.99))
            lines.append(f"| {offered} | {len(took)} | {cells} | {said} |")
            worst.append(at(took, 0.99))
    rises = [with_them - alone for alone, with_them in zip(worst[::2], worst[1::2], strict=True)]
    return [*lines, "", "p99 rises by " + ", ".join(f"{rise:+.1f}" for rise in rises) + " ms."]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.signin")
    parser.add_argument("--tries", type=int, default=200, help="of each kind of user")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=100, help="of GET /v1/me a second")
    parser.add_argument("--sign-ins", type=float, default=20, help="offered a second")
    parser.add_argument("--rounds", type=int, default=3, help="of both loads in turn")
    parser.add_argument("--threads", type=int, default=2, help="DASH_APP_HASH_THREADS")
    parser.add_argument("--nice", type=int, default=19, help="DASH_APP_HASH_NICE")
    parser.add_argument("--as-client", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_client:
        as_client(args.as_client)
        return
    with postgres.server() as server, tempfile.TemporaryDirectory() as directory:
        database = server.create()
        Steps(database, schema.DIRECTORY, {}).run()
        app = App(database, Path(directory), dict(FREE))
        with app.serve(hash_threads=args.threads, hash_nice=args.nice) as serving:
            sign_up(serving.ready())
            lines = [*timing(serving, args), "", *crowd(serving, app.key("bob@example.org"), args)]
        server.drop(database.name)
    sys.stdout.write(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}\n\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
