"""Do a fault and undo it: journal first, a dead man's timer on the host, then the fault."""

from __future__ import annotations

import importlib
import shlex
import time
from typing import TYPE_CHECKING, Any

from chaos import running
from chaos.faults import Fault, Holder, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEAD_MAN = 900  # seconds after which a host undoes a fault alone: no experiment lasts as long
UNIT = "dash-chaos-undo-"


class NotUndone(Exception):
    """A fault is still there; `str()` is one line with what to type."""


def arm(name: str, undo: str, seconds: int) -> str:
    """Return the script that has a host undo a fault by itself after some seconds."""
    unit = f"{UNIT}{name}"
    return (
        f"{disarm(name)}\n"
        f"systemd-run --quiet --collect --unit={unit} --on-active={seconds}s "
        # A ${word} of the script is bash's, not systemd's, which would put nothing in its place.
        "--timer-property=AccuracySec=1s --expand-environment=no "
        f"/bin/bash -c {shlex.quote(undo)}\n"
    )


def disarm(name: str) -> str:
    """Return the script that takes the timer away; one that is gone is fine."""
    unit = f"{UNIT}{name}"
    return (
        f"systemctl stop {unit}.timer 2>/dev/null || true\n"
        f"systemctl reset-failed {unit}.timer {unit}.service 2>/dev/null || true"
    )


def end(unit: str) -> str:
    """Return the script that ends a unit which a fault started; one that is gone is fine."""
    return f"systemctl stop {unit}.service 2>/dev/null || true"


def named(function: Callable[..., Any]) -> str:
    """Return a function as the journal names it."""
    return f"{function.__module__}:{function.__name__}"


def do(
    undo: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    what: str,
    host: str = "",
    script: str = "",
    mend: str = "",
    act: Callable[[], object] | None = None,
    seconds: int = DEAD_MAN,
) -> str:
    """Make a fault that `undo(**arguments)` undoes, and return its name.

    Args:
        undo: function of a module of chaos, safe to call twice.
        arguments: of it.
        what: is broken, in a few words.
        host: on which it is.
        script: makes it, as root on the host.
        mend: undoes it there, when nobody else does in time.
        act: makes it, where that is no script on a host.
        seconds: until the host undoes it by itself.

    Raises:
        Refused: no run is open in this process.
        WorldError: it could not be made.
    """
    run = running.current()
    name = identity(named(undo), arguments)

    def fault() -> Fault:
        return Fault(
            id=name, what=what, undo=named(undo), arguments=dict(arguments), host=host,
            at=time.time(), holder=Holder.me(),
        )  # fmt: skip

    run.journal.write(fault())
    if mend:
        run.client.sh(host, arm(name, mend, seconds))
    run.faults.append(fault())  # it begins now: neither the journal nor the timer is the fault
    if script:
        run.client.sh(host, script)
    if act is not None:
        act()
    return name


def undo(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    host: str = "",
    script: str = "",
    act: Callable[[], object] | None = None,
) -> None:
    """Undo what `do` made; harmless when it is undone already, or was never done.

    A run that was refused undoes nothing: what is broken is somebody else's.

    Raises:
        WorldError: it could not be undone; the journal keeps it.
    """
    run = running.opened()
    if run is None:
        return
    name = identity(named(function), arguments)
    if script:
        run.client.sh(host, f"{script}\n{disarm(name)}")
    if act is not None:
        act()
    run.journal.remove(name)
    run.undone.setdefault(name, time.time())


def undo_on(host: str, function: Callable[..., Any], script: str, **more: object) -> None:
    """Undo what a script did on a host, which an experiment may name as `Running.host` knows it.

    Args:
        host: its name.
        function: the undo that was journaled.
        script: undoes it there.
        more: arguments that were journaled beside the host.

    Raises:
        WorldError: it could not be undone; the journal keeps it.
    """
    if (run := running.opened()) is not None:
        host = run.host(host)
        undo(function, {"host": host, **more}, host=host, script=script)


def undo_again(fault: Fault) -> None:
    """Call the undo that the journal names. Raises NotUndone."""
    module, _, function = fault.undo.partition(":")
    try:
        getattr(importlib.import_module(module), function)(**fault.arguments)
    except Exception as error:  # whatever it is: the fault is still there
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise NotUndone(
            f"{fault.what} is NOT undone ({reason}): mend that, then type {fault.by_hand}"
        ) from error
