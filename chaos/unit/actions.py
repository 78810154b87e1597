"""Break the programs of a host, and mend them."""

from __future__ import annotations

from chaos import levers, running

__all__ = [
    "fail", "flood", "forget", "freeze", "give_descriptors", "give_memory", "hush", "keep_killing",
    "kill", "spare", "start", "stop", "take_descriptors", "take_memory", "thaw",
]  # fmt: skip

APP = "dash-app.service"
KILLER = "dash-chaos-killer"
FAILED = "dash-chaos-failed"
FLOOD = "dash-chaos-flood"


def stop(host: str, unit: str = APP) -> None:
    """Stop a unit, which stays stopped."""
    host = running.current().host(host)
    levers.do(
        start, {"host": host, "unit": unit}, what=f"{unit} on {host} stopped", host=host,
        script=f"systemctl stop {unit}", mend=_start(unit),
    )  # fmt: skip


def start(host: str, unit: str = APP) -> None:
    """Start a unit that was stopped, killed or has failed."""
    levers.undo_on(host, start, _start(unit), unit=unit)


def kill(host: str, unit: str = APP, signal: str = "KILL") -> None:
    """Kill the main process of a unit once; systemd does with it what its settings say."""
    host = running.current().host(host)
    levers.do(
        start, {"host": host, "unit": unit}, what=f"{unit} on {host} killed", host=host,
        script=f"systemctl kill --kill-whom=main --signal={signal} {unit}", mend=_start(unit),
    )  # fmt: skip


def freeze(host: str, unit: str = APP) -> None:
    """Stop every process of a unit where it stands (SIGSTOP): it holds its connections."""
    host = running.current().host(host)
    levers.do(
        thaw, {"host": host, "unit": unit}, what=f"{unit} on {host} frozen", host=host,
        script=f"systemctl kill --signal=STOP {unit}", mend=_thaw(unit),
    )  # fmt: skip


def thaw(host: str, unit: str = APP) -> None:
    """Let a frozen unit go on."""
    levers.undo_on(host, thaw, _thaw(unit), unit=unit)


def keep_killing(host: str, unit: str = APP) -> None:
    """Kill the main process of a unit twice a second, for as long as nobody undoes it."""
    host = running.current().host(host)
    loop = f"while sleep 0.5; do systemctl kill --kill-whom=main --signal=KILL {unit}; done"
    levers.do(
        spare, {"host": host, "unit": unit}, what=f"{unit} on {host} killed again and again",
        host=host, mend=_spare(unit),
        script=f"systemd-run --quiet --collect --unit={KILLER} /bin/bash -c '{loop}'",
    )  # fmt: skip


def spare(host: str, unit: str = APP) -> None:
    """Kill a unit no more, and see that it runs."""
    levers.undo_on(host, spare, _spare(unit), unit=unit)


def take_memory(host: str, megabytes: int, unit: str = APP) -> None:
    """Give a unit so little memory that the kernel kills it."""
    host = running.current().host(host)
    levers.do(
        give_memory, {"host": host, "unit": unit}, host=host, mend=_give_memory(unit),
        what=f"memory of {unit} on {host} cut to {megabytes} MB",
        # cgroup v1 refuses a limit below what is used: the next process has it from the start.
        script=f"systemctl set-property --runtime {unit} MemoryMax={megabytes}M\n"
        f"systemctl kill --kill-whom=main --signal=KILL {unit}",
    )  # fmt: skip


def give_memory(host: str, unit: str = APP) -> None:
    """Give a unit the memory back that its file says."""
    levers.undo_on(host, give_memory, _give_memory(unit), unit=unit)


def take_descriptors(host: str, unit: str = APP) -> None:
    """Allow a unit to open no more files: those that are open stay so.

    The limit is of the highest number, not of how many: with room for the first three alone, which
    every process has, none that is closed makes room for another.
    """
    host = running.current().host(host)
    levers.do(
        give_descriptors, {"host": host, "unit": unit}, host=host, mend=_give_descriptors(unit),
        what=f"descriptors of {unit} on {host} used up",
        script=f"pid=$(systemctl show --property=MainPID --value {unit})\n{_limit(unit, '3')}",
    )  # fmt: skip


def give_descriptors(host: str, unit: str = APP) -> None:
    """Allow a unit as many open files again as systemd gave it."""
    levers.undo_on(host, give_descriptors, _give_descriptors(unit), unit=unit)


def fail(host: str) -> None:
    """Have a unit of its own that has failed, and harms nothing else."""
    host = running.current().host(host)
    levers.do(
        forget, {"host": host}, what=f"a failed unit on {host}", host=host, mend=_forget(),
        script=f"systemd-run --quiet --unit={FAILED} /bin/false",
    )  # fmt: skip


def forget(host: str) -> None:
    """Forget the unit that has failed."""
    levers.undo_on(host, forget, _forget())


def _forget() -> str:
    return f"systemctl reset-failed {FAILED}.service 2>/dev/null || true"


def _start(unit: str) -> str:
    return f"systemctl reset-failed {unit} 2>/dev/null || true\nsystemctl start {unit}"


def _thaw(unit: str) -> str:
    return f"systemctl kill --signal=CONT {unit} || systemctl start {unit}"


def _spare(unit: str) -> str:
    return f"{levers.end(KILLER)}\n{_start(unit)}"


def _give_memory(unit: str) -> str:
    """Say what the unit's file says, then forget that anything was said.

    The process may have been killed a moment ago: it is started again with the memory it needs.
    """
    return (
        f"file=$(systemctl show --property=FragmentPath --value {unit})\n"
        f"most=$(sed -n 's/^MemoryMax=//p' $file | tail -n 1)\n"
        f"systemctl set-property --runtime {unit} MemoryMax=${{most:-infinity}}\n"
        f"rm -f /run/systemd/system.control/{unit}.d/50-MemoryMax.conf\n"
        f"systemctl daemon-reload\n{_start(unit)}"
    )


def _give_descriptors(unit: str) -> str:
    return (
        f"pid=$(systemctl show --property=MainPID --value {unit})\n"
        'if [ "$pid" != 0 ]; then\n'
        "  hard=$(awk '/^Max open files/ {print $5}' /proc/$pid/limits)\n"
        f"  {_limit(unit, '$hard')}\n"
        "fi"
    )


def _limit(unit: str, most: str) -> str:
    """Set the limit as the process's own user: root of a container may not."""
    user = f"$(systemctl show --property=User --value {unit})"
    return f"runuser -u {user} -- prlimit --pid $pid --nofile={most}:"


def flood(host: str, lines: int = 200_000) -> None:
    """Have a unit of its own say more than the journal takes."""
    host = running.current().host(host)
    levers.do(
        hush, {"host": host}, what=f"a unit of {host} that floods the journal", host=host,
        mend=levers.end(FLOOD),
        # journald tells of what it left out when the unit speaks again, half a minute later.
        script=f"systemd-run --quiet --collect --unit={FLOOD} sh -c "
        f"\"seq -f 'flood %.0f' {lines}; sleep 32; echo over; sleep 30; echo over\"",
    )  # fmt: skip


def hush(host: str) -> None:
    """End the flood."""
    levers.undo_on(host, hush, levers.end(FLOOD))
