"""The smoke test of the preview address, over TLS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.dash.platform.plugins.action import prove
from tests.certificates import certificate
from tests.unit.release.conftest import Preview
from tests.unit.release.stand import B, C

if TYPE_CHECKING:
    from pathlib import Path


def smoke(preview: Preview, version: str = C.name) -> str:
    return prove.smoke(preview.url, str(preview.ca), version)


@pytest.fixture(name="naps", autouse=True)
def _naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes by sleeping alone."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(naps))
    return naps


def test_the_edge_may_take_a_moment_to_see_the_release(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview.status, preview.version = 503, C.name
    preview.body = {"status": "ready", "checks": {}}
    monkeypatch.setattr(time, "sleep", lambda _: setattr(preview, "status", 200))
    assert smoke(preview) == ""


def test_a_release_that_the_edge_never_sees_fails_in_time(
    preview: Preview, naps: list[float]
) -> None:
    preview.status, preview.version = 503, C.name
    assert "answered 503" in smoke(preview)
    assert prove.PATIENCE <= sum(naps) < prove.PATIENCE + 1


def test_a_release_that_is_ready_and_the_right_one_passes(preview: Preview) -> None:
    preview.status, preview.version = 200, C.name
    preview.body = {"status": "ready", "checks": {"database": "ok"}}
    assert smoke(preview) == ""


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, {}, "answered 503"),
        (
            200,
            {"status": "degraded", "checks": {"database": "away"}},
            "readyz says degraded (database not ok)",
        ),
        (200, {"status": "draining", "checks": {}}, "readyz says draining"),
        (200, "nonsense", "no JSON object"),
    ],
)
def test_a_release_that_is_not_ready_fails(
    preview: Preview, status: int, body: Any, said: str
) -> None:
    preview.status, preview.version, preview.body = status, C.name, body
    assert said in smoke(preview)


def test_another_release_fails(preview: Preview) -> None:
    preview.status, preview.version = 200, B.name
    assert smoke(preview) == "the preview address serves version 0.2.0, not 0.3.0"


def test_a_certificate_of_somebody_else_fails(preview: Preview, tmp_path: Path) -> None:
    other = certificate(tmp_path / "ca.pem")
    said = prove.smoke(preview.url, str(other), C.name)
    assert "certificate verify failed" in said


def test_nobody_there_fails(preview: Preview) -> None:
    said = prove.smoke("https://127.0.0.1:9", str(preview.ca), C.name)
    assert "Connection refused" in said


def test_a_proxy_of_the_environment_is_not_asked(
    preview: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    preview.status, preview.version = 200, C.name
    preview.body = {"status": "ready", "checks": {}}
    assert smoke(preview) == ""


@pytest.mark.parametrize(
    ("slow", "looks"),
    [([False], 1), ([True, False], 2), ([True, True, False], 3), ([True, True, True], 3)],
)
def test_a_release_that_is_slow_once_is_looked_at_again(slow: list[bool], looks: int) -> None:
    given = iter(slow)
    seen: list[dict[str, Any]] = []

    def judge() -> dict[str, Any]:
        seen.append({"slow": next(given)})
        return seen[-1]

    assert prove.look(judge) is seen[-1]
    assert len(seen) == looks
