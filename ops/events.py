"""What a playbook does just now and what failed first: the events of dash.platform.progress."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAULTS = ("failed", "unreachable")


@dataclass
class Events:
    """A file of events, one JSON document a line, that a running playbook makes longer."""

    path: Path
    _read: int = 0

    def now(self) -> str:
        """Return the task that began since the last look, "" when none did."""
        begun = [event for event in self._new() if event.get("status") in ("started", "running")]
        if not begun:
            return ""
        step, task = str(begun[-1].get("step", "")), str(begun[-1].get("task", ""))
        return f"{step}: {task}" if step else task

    def first_fault(self) -> str:
        """Return what failed first: step, host, task and message; "" when nothing did.

        Later faults are mostly what the first one brought about.
        """
        self._read = 0
        for event in self._new():
            if event.get("status") in FAULTS:
                said = " ".join(str(event.get("msg", "")).split())
                return f"{event.get('step')} on {event.get('host')}: {event.get('task')}: {said}"
        return ""

    def _new(self) -> Iterator[dict[str, Any]]:
        """Yield the events of whole lines that were not read before."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                text = file.read()
        except OSError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            event = json.loads(line)
            if isinstance(event, dict):
                yield event
