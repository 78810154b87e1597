"""How long it takes to check a key: `python -m tests.bench.keys` prints a table for people.

With a table of 10 keys and one of 100,000, on a real PostgreSQL. Warm is a key that this process
has seen, cold one that it has to ask the database for, both without bcrypt: see
docs/decisions/0001-keys-by-public-id.md. Nothing is asserted: figures depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop
from pydantic import SecretStr

from app import schema
from app.access import hashing
from app.access.auth import Authenticator
from app.access.limits import Limiter
from app.db import Database as Pool
from app.metrics import Metrics
from app.settings import Settings
from tests.integration import postgres
from tests.integration.app.steps import Steps
from tests.integration.postgres import Database

PEPPER = "a pepper for measuring alone"
USED = 50  # keys that requests come with
FILL = """
INSERT INTO api_keys (user_id, public_id, key_hash, verifier, name)
SELECT (SELECT id FROM users), 'k' || n, 'h' || n, '\\x00', 'x' FROM generate_series(1, %s) n
"""
ADD = """
INSERT INTO api_keys (user_id, public_id, key_hash, verifier, name, rate_limit)
SELECT id, %s, %s, %s, 'used', 1000000 FROM users
"""
Work = Callable[[str], Awaitable[object]]


def fill(database: Database, many: int) -> list[str]:
    """Make the schema and many keys; return those that will be used."""
    Steps(database, schema.DIRECTORY, {}).run()
    database.query("INSERT INTO users (email) VALUES ('ann@example.org')")
    database.query(FILL, many - USED if many > USED else 1)
    whole = []
    for _ in range(USED):
        public_id, secret, key = hashing.new_key()
        database.query(
            ADD, public_id, f"hash {public_id}", hashing.verifier(secret, public_id, PEPPER)
        )
        whole.append(f"Bearer {key}")
    database.query("ANALYZE")
    return whole


async def times(work: Work, headers: Sequence[str], rounds: int) -> list[float]:
    """Return how long each call took, in milliseconds, sorted."""
    found = []
    for _ in range(rounds):
        for header in headers:
            started = time.perf_counter()
            await work(header)
            found.append((time.perf_counter() - started) * 1000)
    return sorted(found)


def row(keys: int, what: str, found: Sequence[float]) -> str:
    """Return a line of the table."""
    at = [found[int(len(found) * part)] for part in (0.5, 0.95, 0.99)]
    return f"| {keys:,} | {what} | {len(found):,} | " + " | ".join(f"{x:.4f}" for x in at) + " |"


async def measure(database: Database, headers: Sequence[str], keys: int, rounds: int) -> list[str]:
    """Return the lines for one database."""
    host, port = database.address
    settings = Settings(
        database_host=host,
        database_port=port,
        database_name=database.name,
        db_password=SecretStr(database.server.password),
        key_pepper=SecretStr(PEPPER),
    )
    pool = Pool(settings)
    await pool.open()
    await pool.pool.wait()
    authenticator = Authenticator(pool, settings, Metrics("1", "blue"))
    authenticator.cache.listening = True
    limiter = Limiter(pool, settings)

    async def cold(header: str) -> None:
        authenticator.cache.doubt()
        await authenticator.authenticate(header)

    async def admitted(header: str) -> None:
        await limiter.request(await authenticator.authenticate(header))

    lines = [row(keys, "cold", await times(cold, headers, 20))]
    await times(authenticator.authenticate, headers, 2)
    lines.append(row(keys, "warm", await times(authenticator.authenticate, headers, rounds)))
    lines.append(row(keys, "warm, counted", await times(admitted, headers, rounds)))
    await limiter.close()
    await authenticator.close()
    await pool.close()
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.keys")
    parser.add_argument("--rounds", type=int, default=400, help=f"of {USED} requests")
    parser.add_argument("--keys", type=int, nargs="+", default=[USED + 10, 100_000])
    args = parser.parse_args()
    lines = []
    with postgres.server() as server:
        for keys in args.keys:
            database = server.create()
            headers = fill(database, keys)
            found = measure(database, headers, keys, args.rounds)
            lines += uvloop.run(found)
            server.drop(database.name)
    sys.stdout.write(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}\n\n"
        "| keys in the table | key | requests | p50 ms | p95 ms | p99 ms |\n"
        "|---:|---|---:|---:|---:|---:|\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
