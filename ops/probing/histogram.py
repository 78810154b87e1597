"""Percentiles of any number of latencies in constant memory."""

from __future__ import annotations

import math
from collections import Counter

GROWTH = math.log(1.02)  # each bucket is 2 % wider than the one below: answers are within 1 %
FLOOR_MS = 0.01


class Histogram:
    """Counts of latencies in buckets of equal relative width."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0

    def add(self, milliseconds: float) -> None:
        """Count one latency."""
        self._buckets[round(math.log(max(milliseconds, FLOOR_MS) / FLOOR_MS) / GROWTH)] += 1
        self.count += 1

    def percentile(self, percent: float) -> float:
        """Return the latency in ms that `percent` of all do not exceed; 0 without any."""
        rank = math.ceil(self.count * percent / 100)
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return round(FLOOR_MS * math.exp(bucket * GROWTH), 2)
        return 0.0
