"""Traffic that an experiment adds to its own: what needs the database for every answer."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chaos import running
from chaos.client import WorldError

__all__ = ["ask_for_agents"]

PATH = "/v1/agents"
PAUSE = 0.5  # seconds of each asker between two requests
FORBIDDEN = 403


def ask_for_agents(seconds: float, askers: int = 12) -> dict[str, int]:
    """Ask for the list of agents, some at a time, for some seconds; return answers by status.

    Own traffic is answered from memory: with it alone nobody waits for the database.

    Raises:
        WorldError: our key may not see agents.
    """
    client, end = running.current().client, time.monotonic() + seconds

    def ask(_number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        while True:
            seen[str(client.request(PATH, known=True, seconds=10).status)] += 1
            if time.monotonic() + PAUSE >= end:
                return seen
            time.sleep(PAUSE)

    with ThreadPoolExecutor(askers) as pool:
        seen = sum(pool.map(ask, range(askers)), Counter[str]())
    if seen[str(FORBIDDEN)]:
        key = client.stack.directory / "secrets" / "chaos_key"
        raise WorldError(f"our key may not see agents: rm {key}, then run it again")
    return dict(seen)
