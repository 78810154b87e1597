"""Sizes of batches that never span two zones."""

from __future__ import annotations

import pytest

from ansible_collections.dash.platform.plugins.filter.zones import zone_sizes

GROUPS = {
    "zone_a": ["edge-1", "db-1", "app-1"], "zone_b": ["edge-2", "db-2"], "zone_c": ["db-3"],
    "db": ["db-1", "db-2", "db-3"], "app": ["app-1"], "answered": ["db-1", "db-3", "edge-2"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "sizes"),
    [
        ((), [3, 2, 1]),
        (("db",), [1, 1, 1]),
        (("answered",), [1, 1, 1]),
        (("db", "answered"), [1, 1]),
        (("app",), [1]),
        (("nobody",), []),
    ],
)
def test_zones_without_a_host_have_no_batch(kinds: tuple[str, ...], sizes: list[int]) -> None:
    assert zone_sizes(GROUPS, *kinds) == sizes


def test_a_look_at_the_syntax_has_no_groups() -> None:
    assert zone_sizes({}, "db") == []
