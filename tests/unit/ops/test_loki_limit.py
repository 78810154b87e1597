"""What Loki is told when its share of the disk runs out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.ops.programs import load

limit = load("loki/files/limit.py")


@pytest.mark.parametrize(
    ("taken", "limits"),
    [
        (0.5, None),
        (0.79, None),
        (0.8, {"retention_period": "240h"}),
        (0.9, {"retention_period": "120h"}),
        (0.99, {"retention_period": "24h"}),
    ],
)
def test_the_fuller_it_is_the_shorter_lines_are_kept(
    taken: float, limits: dict[str, str] | None
) -> None:
    assert limit.overrides(taken, 10)["overrides"] == ({"fake": limits} if limits else {})


def test_a_full_share_takes_nothing_more() -> None:
    told = limit.overrides(1.2, 10)["overrides"]["fake"]

    assert 0 < told["ingestion_rate_mb"] < 0.001
    assert 0 < told["ingestion_burst_size_mb"] < 0.001
    assert told["retention_period"] == "24h"


def test_loki_is_told_when_the_share_is_used_and_told_again_when_it_is_not(tmp_path: Path) -> None:
    def told() -> dict[str, dict[str, object]]:
        assert limit.main([str(tmp_path), "1", "10"]) == 0
        found: dict[str, dict[str, object]] = json.loads(
            (tmp_path / "runtime.yml").read_text("utf-8")
        )["overrides"]
        return found

    before = told()
    (tmp_path / "chunks").mkdir()
    (tmp_path / "chunks" / "a").write_bytes(b"x" * 1_100_000)
    full = told()
    (tmp_path / "chunks" / "a").unlink()

    assert before == {}
    assert "ingestion_rate_mb" in full["fake"]
    assert told() == {}
