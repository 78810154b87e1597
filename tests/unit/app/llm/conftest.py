"""The service in front of two providers that are in the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from app import routes
from app.access.auth import Authenticator
from app.access.limits import Limiter
from app.llm.breaker import Breaker
from app.llm.gateway import Gateway
from app.main import create_app
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase
from tests.unit.app.llm.fakes import Fake

CATALOG = """
[policy]
deadline_seconds = 3
base_seconds = 0.01
most_seconds = 0.05
keep_alive_seconds = 0.05

[providers.first]
kind = "{kind}"
base_url = "{first}"
credential = "llm_first"
connect_seconds = 0.5
first_seconds = 0.4
chunk_seconds = 0.3
total_seconds = 1
max_answer = 100000

[providers.second]
kind = "openai"
base_url = "{second}"

[models.small]
aliases = ["default"]
output = 100
deployments = [{{ provider = "first", model = "s-1", price = {price} }}]
fallback = {{ context_length = ["large"], capability = ["large"] }}

[models.large]
capabilities = ["tools", "vision", "json"]
deployments = [{{ provider = "second", model = "l-1" }}]

[models.both]
deployments = [{{ provider = "first", model = "b-1" }}, {{ provider = "second", model = "b-2" }}]

[models.covered]
deployments = [{{ provider = "first", model = "c-1" }}]
fallback = {{ unavailable = ["large"] }}
"""
PRICE = '{ input = 2, output = 8, date = 2026-11-01, source = "a test" }'
HELLO = [{"role": "user", "content": "hi"}]
SECRET = "sk-the-providers-secret"  # pragma: allowlist secret


@dataclass
class World:
    """A client, two providers, and what the database was told."""

    client: TestClient[web.Request, web.Application]
    first: Fake
    second: Fake
    database: FakeDatabase
    key: str

    @property
    def gateway(self) -> Gateway:
        """The gateway itself."""
        assert self.client.app is not None
        return self.client.app[routes.GATEWAY]

    def breaker(self, deployment: str) -> Breaker:
        """Return the breaker of a deployment, by its name in the catalog."""
        return self.gateway.breakers.of(self.gateway.catalog.deployments()[deployment])

    async def ask(
        self,
        model: str = "small",
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> ClientResponse:
        """Ask a model."""
        said = {"Authorization": f"Bearer {key or self.key}", **(headers or {})}
        document = {"model": model, "messages": HELLO, **body}
        return await self.client.post("/v1/chat/completions", json=document, headers=said)

    async def problem(self, response: ClientResponse) -> tuple[int, str, str]:
        """Return status, type and code of an error in OpenAI's form."""
        error = (await response.json())["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        return response.status, error["type"], error["code"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The accounts that are not written yet."""
        return [json.loads(row) for row in self.gateway.accounts._rows]

    def trip(self, deployment: str) -> None:
        """Open a breaker."""
        breaker = self.gateway.breakers._breakers[deployment]
        for _ in range(5):
            permit = breaker.admit()
            assert permit is not None
            breaker.failed(permit)


class AsServed(TestServer):
    """Unlike aiohttp's, it leaves a handler alone whose client went away, as the service does."""

    async def _make_runner(self, **kwargs: Any) -> web.AppRunner:
        return web.AppRunner(self.app, **{**kwargs, "handler_cancellation": False})


async def served(fake: Fake) -> TestServer:
    """Start a provider."""
    app = web.Application(client_max_size=4_000_000)
    app.router.add_post("/{tail:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    fake.url = str(server.make_url("/v1"))
    return server


@pytest.fixture(name="first_kind")
def _first_kind() -> str:
    """Return the kind of the first provider."""
    return "openai"


@pytest.fixture(name="world")
async def _world(
    settings: Settings,
    database: FakeDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first_kind: str,
) -> AsyncIterator[World]:
    first, second = Fake(), Fake()
    servers = [await served(first), await served(second)]
    catalog = tmp_path / "llm.toml"
    catalog.write_text(
        CATALOG.format(first=first.url, second=second.url, kind=first_kind, price=PRICE)
    )
    (tmp_path / "llm_first").write_text(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = settings.model_copy(update={"llm_catalog": str(catalog)})
    key = database.add(permissions=["chat:write", "models:read"], rate_limit=100_000)
    async with TestClient(AsServed(built(settings, database))) as client:
        yield World(client, first, second, database, key)
    for server in servers:
        await server.close()


def built(settings: Settings, database: FakeDatabase) -> web.Application:
    """Return the service over a fake database, with the gateway's part in the background."""
    app = create_app(settings)
    app.cleanup_ctx.clear()
    app[routes.AUTH] = Authenticator(database, settings, app[routes.METRICS])
    app[routes.LIMITER] = Limiter(database, settings)
    gateway = app[routes.GATEWAY]
    gateway.accounts._database = gateway.breakers._database = database
    gateway._limiter = app[routes.LIMITER]

    async def background(_app: web.Application) -> AsyncIterator[None]:
        gateway.open()
        watching = asyncio.create_task(gateway.watch.run())
        yield
        watching.cancel()
        await gateway.close()
        await app[routes.AUTH].close()

    app.cleanup_ctx.append(background)
    return app
