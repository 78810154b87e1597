"""How the load's own process is: how much of a core it uses, how late its greenlets wake up."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import gevent

from loadtests.thresholds import BUSY_CPU

EVERY = 0.1  # seconds between two looks


@dataclass
class Health:
    """One process, watched while it lives."""

    seconds: int = 0
    busy: int = 0
    cpu: float = 0.0
    lag: Counter[int] = field(default_factory=Counter)

    def watch(self) -> None:
        """Look for ever; spawned as a greenlet."""
        began, cpu = time.monotonic(), time.process_time()
        while True:
            due = time.monotonic() + EVERY
            gevent.sleep(EVERY)
            now = time.monotonic()
            self.lag[round((now - due) * 1000)] += 1
            if now - began >= 1.0:
                used = time.process_time()
                self.note((used - cpu) / (now - began))
                began, cpu = now, used

    def note(self, share: float) -> None:
        """Take one second's share of a core."""
        self.seconds += 1
        self.cpu += share
        self.busy += share > BUSY_CPU
