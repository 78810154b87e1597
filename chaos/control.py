"""The control of every experiment: permission, lock, leftovers, own traffic, undo, record.

An experiment names it first of its controls. Levers work only while it holds a run open, so that
an experiment without it breaks nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import InterruptExecution

from chaos.client import WorldError
from chaos.faults import JournalError
from chaos.lock import LockedError
from chaos.metadata import BadExperiment
from chaos.running import Refused
from chaos.session import Session, Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["after_experiment_control", "before_experiment_control"]

logger = logging.getLogger("chaostoolkit")
_OPEN: list[Session] = []


def before_experiment_control(context: Mapping[str, Any]) -> None:
    """Open the run, or end the experiment before anything is broken."""
    try:
        _OPEN.append(Session.begin(context))
    except (
        Refused, Skipped, WorldError, LockedError, JournalError, BadExperiment, OSError,
    ) as error:  # fmt: skip
        raise InterruptExecution(str(error)) from None


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any]) -> None:  # noqa: ARG001 -- chaostoolkit names it
    """Undo once more, wait until all is well, keep the record; the journal says how it ended."""
    while _OPEN:
        try:
            document = _OPEN.pop().finish(state)
        except Exception:  # chaostoolkit would pass it over in silence
            logger.exception("The run has no record; python -m chaos undo undoes what is left")
            state["status"] = "failed"
            raise
        log = logger.info if document["outcome"] == "passed" else logger.error
        log(document["line"])
