"""Fill the disk of a program, and make room again. The disk is a small one of its own."""

from __future__ import annotations

import time
from dataclasses import replace

from chaos import levers, running
from chaos.disk.small import Small, carry_back

__all__ = ["fill", "make_room"]


def fill(host: str, directory: str, unit: str, megabytes: int, leave: int = 0) -> None:
    """Put a directory on a small disk and take all of that but some percent.

    The unit is stopped while its files are copied. The fault begins when the disk is full: the
    moment without the unit before it is none of its alerts'.

    Args:
        host: which.
        directory: that the unit writes to.
        unit: that is stopped and started.
        megabytes: of the disk; what lies there must fit.
        leave: percent that stay free.
    """
    run = running.current()
    host = run.host(host)
    disk = Small(run.client, host, directory, unit)

    def act() -> None:
        disk.bring(megabytes)
        run.faults[-1] = replace(run.faults[-1], at=time.time())
        disk.fill(leave)

    levers.do(
        make_room, {"host": host, "directory": directory, "unit": unit}, host=host, act=act,
        what=f"disk of {directory} on {host} full", mend=carry_back(directory, unit),
    )  # fmt: skip


def make_room(host: str, directory: str, unit: str) -> None:
    """Have the directory on the disk where it was, with all that was written meanwhile."""
    if (run := running.opened()) is None:
        return
    host = run.host(host)
    disk = Small(run.client, host, directory, unit)
    disk.attach()
    levers.undo(
        make_room, {"host": host, "directory": directory, "unit": unit}, host=host,
        script=carry_back(directory, unit), act=disk.detach,
    )  # fmt: skip
