"""The run that is open in this process. Without one no fault is made: every lever asks here.

chaostoolkit calls actions and probes as plain functions, and goes on when a control cannot be
loaded: permission, lock and journal have to be where the levers are.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.traffic import STEADY, lately

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaos.alerts import Watch
    from chaos.client import Client
    from chaos.faults import Fault, Journal
    from chaos.traffic import Traffic


class Refused(Exception):
    """No fault may be made here; `str()` is one line."""


@dataclass
class Running:
    """One open run: where it acts, what it did."""

    client: Client
    journal: Journal
    traffic: Traffic | None = None
    watch: Watch | None = None
    color: str = ""  # that served when the run began
    faults: list[Fault] = field(default_factory=list)  # that this run began
    undone: dict[str, float] = field(default_factory=dict)  # when each was undone first
    notes: dict[str, Any] = field(default_factory=dict)  # what actions tell the record

    def colored(self, name: str) -> str:
        """Return the colour that was `serving`, or `idle`, when the run began. Raises Refused."""
        other = {"blue": "green", "green": "blue"}
        if not (color := self.color if name.startswith("serving") else other.get(self.color, "")):
            raise Refused(f"{name}: nobody knows which colour serves. Type ./dash status")
        return color

    def host(self, name: str) -> str:
        """Return the host that a name of an experiment means.

        `serving-1` and `idle-1` are application hosts by what their colour did when the run began:
        an undo finds the same host, whatever has been switched meanwhile.
        """
        kind, _, number = name.rpartition("-")
        if kind in ("serving", "idle"):
            return self.client.stack.host(f"app-{self.colored(name)}-{number}").name
        return self.client.stack.host(name).name

    def well(self, alerts: Iterable[str]) -> bool:
        """Tell whether answers came lately, all of them good, and none of some alerts is told."""
        n, bad = lately(self.traffic.read() if self.traffic else {}, STEADY, time.time())
        return bool(n) and not bad and self.watch is not None and self.watch.over(alerts)

    @property
    def began(self) -> float | None:
        """When the first fault began."""
        return min((fault.at for fault in self.faults), default=None)


_OPEN: list[Running] = []
_GUARD = threading.Lock()


def begin(running: Running) -> None:
    """Let levers work in this process. Raises Refused: a run is open already."""
    with _GUARD:
        if _OPEN:
            raise Refused("a run is open in this process already")
        _OPEN.append(running)


def end() -> None:
    """Let no lever work any more."""
    with _GUARD:
        _OPEN.clear()


def opened() -> Running | None:
    """Return the run that is open, if one is."""
    return _OPEN[0] if _OPEN else None


def current() -> Running:
    """Return the run that is open. Raises Refused: there is none."""
    running = opened()
    if running is None:
        raise Refused(
            "no run is open: the experiment's controls must begin with module chaos.control, "
            "and what it refused stands above"
        )
    return running
