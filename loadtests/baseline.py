"""What a run is held against: its shape, before, on the same machine; else nothing."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtests.target import Target

TIMES = ("p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True)
class Machine:
    """What figures depend on beside the release. The version is told, not compared."""

    cpu: str
    cpus: int
    memory_gib: int
    kernel: str
    provider: str


def machine(target: Target, proc: Path = Path("/proc")) -> Machine:
    """Return this machine's fingerprint."""
    cpu = re.search(r"model name\s*: (.+)", (proc / "cpuinfo").read_text("utf-8"))
    memory = re.search(r"MemTotal:\s+(\d+) kB", (proc / "meminfo").read_text("utf-8"))
    return Machine(
        cpu=cpu[1].strip() if cpu else platform.machine(),
        cpus=os.cpu_count() or 0,
        memory_gib=round(int(memory[1]) / 2**20) if memory else 0,
        kernel=platform.release(),
        provider=target.provider,
    )


def path(target: Target, shape: str) -> Path:
    """Return where the baseline of a shape lies."""
    return target.folder / f"baseline-{shape}.json"


def compare(document: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the ratios to a baseline, or why there are none."""
    if not file.exists():
        return {"compared": False, "why": "there was no baseline: this run can be it (--keep)"}
    try:
        old = json.loads(file.read_text("utf-8"))
        there, here = old["machine"], document["machine"]
        other = [name for name, value in here.items() if there.get(name) != value]
        if other:
            was = ", ".join(f"{name} {there.get(name)} is {here[name]} now" for name in other)
            return {"compared": False, "why": f"the baseline is of another machine: {was}"}
        ratios = {
            kind: {name: _ratio(seen[name], old["kinds"][kind][name]) for name in TIMES}
            for kind, seen in document["kinds"].items()
            if kind in old["kinds"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"compared": False, "why": f"{file} cannot be read: {error}"}
    return {"compared": True, "version": old.get("version", ""), "ratios": ratios}


def _ratio(now: float, before: float) -> float | None:
    return round(now / before, 2) if before else None


def keep(document: dict[str, Any], file: Path) -> str:
    """Make a run the baseline of its shape; return what became of that."""
    if document["verdict"]["outcome"] != "passed":
        return "not kept as the baseline: it did not pass"
    kept = {name: document[name] for name in ("shape", "began", "version", "machine", "kinds")}
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=f".{file.name}-", encoding="utf-8", delete=False
    ) as out:
        out.write(json.dumps(kept) + "\n")
    Path(out.name).replace(file)
    return f"kept as the baseline: {file}"
