"""The second opinion of the end-to-end tests sees failures too."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.prober.conftest import make_authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.prober.conftest import Serve, Service

CLIENT = Path(__file__).resolve().parents[2] / "e2e" / "independent_client.py"


async def figures(
    url: str, *words: str, until: asyncio.Event | None = None
) -> tuple[int | None, dict[str, Any]]:
    """Run the client to its end, or end it once something happened; return code and figures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CLIENT), "--url", url, "--rate", "200", *words,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if until is not None:
        await until.wait()
        process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, json.loads(out)


async def test_good_service_over_tls(serve: Serve, tmp_path: Path, key_file: Path) -> None:
    authority = make_authority(tmp_path / "ca", "edge.test")
    async with serve(tls=authority.server) as service:
        code, found = await figures(
            service.url, "--ca", str(authority.ca), "--key-file", str(key_file),
            "--requests", "80", "--connections", "4",
        )  # fmt: skip
    assert code == 0
    assert (found["sent"], found["failed"], found["failures"]) == (80, 0, [])
    assert found["by_kind"] == {"keepalive": 40, "post": 20, "fresh": 20}
    assert found["colors"] == {"blue": 80}
    assert len(service.connections) == 24
    assert service.paths["POST /v1/echo"] == 20
    assert service.paths["GET /v1/me"] > 10


async def test_every_kind_of_trouble_is_a_failure(serve: Serve, key_file: Path) -> None:
    def fail(service: Service) -> None:
        service.status = 503

    def refuse(service: Service) -> None:
        service.key = "another"

    def cut(service: Service) -> None:
        service.break_off = "within"

    def drop(service: Service) -> None:
        service.break_off = "before"

    def change(service: Service) -> None:
        service.echo = lambda body: body.replace(b"xxx", b"xyx")

    troubles = [fail, cut, drop, refuse, change]

    async def one(trouble: Callable[[Service], None]) -> tuple[int | None, dict[str, Any]]:
        async with serve() as service:
            trouble(service)
            words = ("--key-file", str(key_file), "--requests", "20", "--connections", "4")
            return await figures(service.url, *words)

    ended = await asyncio.gather(*(one(trouble) for trouble in troubles))
    assert [code for code, _ in ended] == [1] * 5
    found = [figures for _, figures in ended]
    assert [one["sent"] for one in found] == [20] * 5
    assert [one["failed"] for one in found[:3]] == [20] * 3
    assert found[3]["failed"] > found[3]["by_kind"]["post"] > 0  # GET /v1/me was refused as well
    assert found[4]["failed"] == found[4]["by_kind"]["post"] > 0


async def test_signal_ends_it_with_its_figures(serve: Serve) -> None:
    async with serve() as service:
        code, found = await figures(service.url, until=service.busy)
    assert code == 0
    assert 0 < found["sent"] == sum(service.paths.values())
