"""Have the service believe another time, and let it know the right one again.

libfaketime stands between the program and the C library. It comes from Debian's archive, unpacked
where only this uses it; what asks the kernel itself, as exporters do, sees the right time.
"""

from __future__ import annotations

from chaos import levers, running

__all__ = ["set_right", "skew"]

APP = "dash-app.service"
FOLDER = "/var/lib/dash-chaos-clock"
FILE = "/run/systemd/system/{unit}.d/dash-chaos-clock.conf"


def skew(host: str, seconds: int, unit: str = APP) -> None:
    """Start a unit anew with a clock that is so many seconds ahead, or behind."""
    host = running.current().host(host)
    file = FILE.format(unit=unit)
    levers.do(
        set_right, {"host": host, "unit": unit}, host=host, mend=_right(unit),
        what=f"clock of {unit} on {host} {seconds:+d} s off",
        script=f"mkdir -p {FOLDER} $(dirname {file})\ncd {FOLDER}\n"
        "apt-get --quiet --quiet update > /dev/null\n"  # hosts keep no lists of packages
        "apt-get --quiet --quiet download libfaketime > /dev/null\n"
        "dpkg --extract libfaketime_*.deb .\n"
        f"library=$(echo {FOLDER}/usr/lib/*/faketime/libfaketimeMT.so.1)\n"
        '[ -e "$library" ]\n'
        # Timers go by the monotonic clock, which no wrong time touches. Between processes nothing
        # is shared: the sandbox has no place for it.
        f"cat > {file} <<END\n[Service]\n"
        f'Environment="LD_PRELOAD=$library" "FAKETIME={seconds:+d}s"\n'
        "Environment=FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1\nEND\n"
        f"systemctl daemon-reload\nsystemctl restart {unit}",
    )  # fmt: skip


def set_right(host: str, unit: str = APP) -> None:
    """Start a unit anew with the right time; one that has it is left alone."""
    if (run := running.opened()) is not None:
        host = run.host(host)
        levers.undo(set_right, {"host": host, "unit": unit}, host=host, script=_right(unit))


def _right(unit: str) -> str:
    file = FILE.format(unit=unit)
    return (
        f"if [ -e {file} ]; then rm {file}; systemctl daemon-reload; systemctl restart {unit}; fi\n"
        f"rm -rf {FOLDER}"
    )
