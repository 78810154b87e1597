"""Alerts of the stack's own Alertmanager: when they fire and when they are over."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from chaos.client import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chaos.client import Alert

EVERY = 1.0  # seconds between two looks


class Watch:
    """Looks at all alerts, again and again, and keeps when each came and went."""

    def __init__(
        self, look: Callable[[], list[Alert]], clock: Callable[[], float] = time.time
    ) -> None:
        self._look, self._clock = look, clock
        self.fired: dict[str, float] = {}  # by name, first seen
        self.resolved: dict[str, float] = {}  # by name, not seen any more
        self.labels: dict[str, dict[str, str]] = {}  # of the first that had the name
        self.silent = 0  # looks that had no answer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self.once()

    def once(self) -> None:
        """Look once."""
        try:
            there = {alert.name: dict(alert.labels) for alert in self._look()}
        except Silent:
            self.silent += 1
            return
        now = self._clock()
        for name, labels in there.items():
            self.fired.setdefault(name, now)
            self.labels.setdefault(name, labels)
            self.resolved.pop(name, None)
        for name in self.fired.keys() - there.keys():
            self.resolved.setdefault(name, now)

    def over(self, names: Iterable[str]) -> bool:
        """Tell whether none of these is told now."""
        return all(name not in self.fired or name in self.resolved for name in names)

    def others(self, names: Iterable[str], since: float | None) -> dict[str, float]:
        """Return the alerts besides these that came after a time, and how soon."""
        return {
            name: round(at - since, 1)
            for name, at in sorted(self.fired.items())
            if since is not None and at >= since and name not in names
        }

    def document(self, name: str, since: float | None) -> dict[str, Any]:
        """Return what the record keeps of one alert."""
        fired = self.fired.get(name)
        known = fired is not None and since is not None and fired >= since
        return {
            "name": name,
            "fired": fired,
            "resolved": self.resolved.get(name),
            "detection_seconds": round(fired - since, 1) if known and fired and since else None,
        }
