"""Undo what runs that are gone have left broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos import levers, running
from chaos.running import Running

if TYPE_CHECKING:
    from chaos.client import Client
    from chaos.faults import Fault, Journal


def undo(client: Client, journal: Journal, faults: list[Fault]) -> tuple[list[str], list[str]]:
    """Undo faults of others; return a line for each that is undone, and for each that is not.

    Whoever calls this holds the lock: what a run that lives has broken is not touched.
    """
    undone, left = [], []
    running.begin(Running(client=client, journal=journal))
    try:
        for fault in faults:
            try:
                levers.undo_again(fault)
            except levers.NotUndone as error:
                left.append(str(error))
            else:
                journal.remove(fault.id)
                undone.append(f"undone: {fault.what}, left by {fault.holder}")
    finally:
        running.end()
    return undone, left
