"""What the process tells of itself."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from app import process


def figures() -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(process.Process())
    return {s.name: s.value for family in registry.collect() for s in family.samples}


def test_it_tells_its_age_and_its_processor_time() -> None:
    found = figures()

    assert 0 < time.time() - found["process_start_time_seconds"] < time.monotonic()
    assert 0 < found["process_cpu_seconds_total"] <= sum(os.times()[:2]) + 0.1


def test_its_start_is_the_one_that_the_kernel_tells_of_it() -> None:
    """The same sum as with the boot time of /proc/stat, which the service's unit hides."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    booted = next(int(line.split()[1]) for line in lines if line.startswith("btime"))
    ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])

    expected = booted + ticks / os.sysconf("SC_CLK_TCK")
    assert abs(expected - figures()["process_start_time_seconds"]) < 1.5


def test_it_tells_its_memory_and_its_files() -> None:
    before = figures()
    handle = os.open("/dev/null", os.O_RDONLY)
    block = bytearray(os.urandom(1)) * 50_000_000
    after = figures()
    os.close(handle)

    assert after["process_open_fds"] == before["process_open_fds"] + 1
    assert after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"] > 4e7
    assert after["process_virtual_memory_bytes"] > after["process_resident_memory_bytes"]
    assert after["process_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert len(block)
