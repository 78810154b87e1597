"""What the process itself costs, from /proc/self alone.

prometheus_client's own collector asks /proc/stat when the host booted and shows nothing without it;
the unit's sandbox (ProcSubset=pid) hides that file, and a clock tells the same.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, override

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

SELF = Path("/proc/self")
# Fields of stat after the command's name, which may hold spaces: see proc_pid_stat(5).
_USER, _SYSTEM, _STARTED, _VIRTUAL, _RESIDENT = 11, 12, 19, 20, 21
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _most_files() -> float:
    for line in (SELF / "limits").read_text(encoding="ascii").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return float("inf") if soft == "unlimited" else float(soft)
    return 0.0


class Process(Collector):
    """`process_*` by the names that every Prometheus client uses."""

    @override
    def collect(self) -> Iterator[Metric]:
        stat = (SELF / "stat").read_text(encoding="utf-8", errors="replace")
        field = stat[stat.rindex(")") + 2 :].split()
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        yield CounterMetricFamily(
            "process_cpu_seconds",
            "Processor time",
            value=(int(field[_USER]) + int(field[_SYSTEM])) / _TICKS,
        )
        for name, words, value in (
            (
                "process_start_time_seconds",
                "When it started",
                booted + int(field[_STARTED]) / _TICKS,
            ),
            ("process_virtual_memory_bytes", "Addresses in use", float(field[_VIRTUAL])),
            ("process_resident_memory_bytes", "Memory in use", float(field[_RESIDENT]) * _PAGE),
            ("process_open_fds", "Files open", float(len(os.listdir(SELF / "fd")))),  # noqa: PTH208 -- no objects for a count
            ("process_max_fds", "Most files that may be open", _most_files()),
        ):
            yield GaugeMetricFamily(name, words, value=value)
