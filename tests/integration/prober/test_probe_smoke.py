"""The smoke test of a release: one agent that talks to itself, and one short stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops.probing import smoke as smoke_module
from ops.probing.client import Target
from ops.probing.run import Plan, run
from tests.integration.prober.conftest import Serve, Service


async def smoke(service: Service, tmp_path: Path, key: str = "") -> Any:
    key_file = tmp_path / "key"
    key_file.write_text(key or service.key)
    plan = Plan(
        target=Target(url=service.url, key_file=key_file), report=tmp_path / "report.json",
        rate=100, connections=2, requests=3, smoke=True,
    )  # fmt: skip
    return (await run(plan))["smoke"]


async def test_release_whose_agents_and_streams_work_passes(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        assert await smoke(service, tmp_path) == ""
        kept = service.agents.agents[smoke_module.NAME]
        assert [m["type"] for m in kept.inbox] == ["task", "result"]
        assert await smoke(service, tmp_path) == ""  # what the first time left is no hindrance
        assert len(kept.inbox) == 4


async def test_release_that_names_none_of_it_is_not_asked(serve: Serve, tmp_path: Path) -> None:
    async with serve() as service:
        service.agents.named = ("/healthz",)
        service.agents.status = service.agents.stream_status = 500
        assert await smoke(service, tmp_path) == ""
    assert not service.agents.connections


async def test_key_without_the_permission_is_none_of_its_faults(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as service:
        service.agents.status = 403
        assert await smoke(service, tmp_path) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": 500}, "/ws: /ws answers 500"),
        ({"status": 404}, "/ws answers 404"),
        ({"fault": "refuse"}, "/ws: a task to prober-smoke was refused: inbox_full"),
        ({"fault": "again"}, "came twice"),
        ({"fault": "drop"}, "no end within 0.5 s"),
        ({"stream_status": 503}, "GET /v1/echo/events?count=3&every_ms=20 answered 503"),
        ({"cut_streams": "short"}, "the stream of /v1/echo/events: 1 of 3 numbers"),
        ({"cut_streams": "off"}, "Error"),
    ],
)
async def test_release_that_cannot_do_what_it_names_fails(
    serve: Serve,
    tmp_path: Path,
    change: dict[str, Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smoke_module, "PATIENCE", 0.5)
    async with serve() as service:
        for name, value in change.items():
            setattr(service.agents, name, value)
        assert why in await smoke(service, tmp_path)
