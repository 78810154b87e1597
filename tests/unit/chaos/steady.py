"""An experiment that holds, and own traffic that is always answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from chaos.traffic import Traffic
from tests.unit.chaos.test_outcome import REPORT

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.client import Stack

EXPERIMENT: dict[str, Any] = {
    "title": "it holds",
    "extensions": [{
        "name": "dash", "group": "app", "weight": 1, "target_recovery_seconds": 9, "takes": 1,
        "settles": 1, "in_flight": {"get": 9, "post": 9, "sockets": 9, "streams": 9},
    }],
}  # fmt: skip


class Steady(Traffic):
    """Own traffic that is always answered."""

    stopped = False

    @classmethod
    def start(cls, _stack: Stack, _directory: Path) -> Self:
        return cls.__new__(cls)

    def ready(self, within: float = 0) -> None:
        """At once."""

    def read(self) -> dict[str, Any]:
        now = int(time.time())
        rows = [{"t": now - n, "n": 40, "failed": 0} for n in range(9)]
        return {**REPORT, "last_failed": None, "last_lost": None, "seconds": rows}

    def stop(self) -> dict[str, Any]:
        self.stopped = True
        return self.read()
