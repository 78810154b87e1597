"""Keep Loki within its share of the disk: limit.py DIRECTORY MEGABYTES DAYS.

Loki bounds time, not bytes. From four fifths of the share on, its runtime configuration keeps lines
for a shorter time; at the whole of it, it takes none, and hosts keep theirs. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

MEGABYTE = 1_000_000
NEAR = 0.8
SHORTEST = 24  # hours: Loki refuses less
NOTHING = 0.000001  # MB a second; Loki reads 0 as "not limited"


def used(directory: Path) -> int:
    """Return the bytes that files in a directory take on disk; those that go meanwhile are gone."""
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 -- thousands of files
            except FileNotFoundError:
                continue
    return total


def overrides(taken: float, days: int) -> dict[str, object]:
    """Return what Loki is told, given the share of its disk that is taken."""
    limits: dict[str, object] = {}
    if taken >= NEAR:
        hours = max(SHORTEST, round(days * 24 * (1 - taken) / (1 - NEAR)))
        limits["retention_period"] = f"{hours}h"
    if taken >= 1:
        limits |= {"ingestion_rate_mb": NOTHING, "ingestion_burst_size_mb": NOTHING}
    return {"overrides": {"fake": limits} if limits else {}}


def main(argv: list[str]) -> int:
    """Measure, and tell Loki where that changes anything."""
    directory, most, days = Path(argv[0]), int(argv[1]) * MEGABYTE, int(argv[2])
    file = directory / "runtime.yml"
    wanted = json.dumps(overrides(used(directory) / most, days)) + "\n"  # JSON is YAML
    if not file.exists() or file.read_text(encoding="utf-8") != wanted:
        new = directory / ".runtime.yml"
        new.write_text(wanted, encoding="utf-8")
        new.replace(file)
        sys.stdout.write(f"limits: {wanted}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
