"""A simulator that answers at once, in the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from chaos.simulator.answers import Shape
from chaos.simulator.simulator import FORMS, Simulator

QUICK = Shape(first=0, token=0, tokens=8, spread=0.3)
HELLO = [{"role": "user", "content": "hi"}]
HEADERS = {
    "openai": {"Authorization": "Bearer k"},
    "kimi": {"Authorization": "Bearer k"},
    "anthropic": {"x-api-key": "k", "anthropic-version": "2023-06-01"},
}


@dataclass
class Client:
    """Speaks to the simulator without any library of a provider."""

    simulator: Simulator
    session: aiohttp.ClientSession

    def url(self, provider: str) -> str:
        """Where a provider is."""
        return f"http://127.0.0.1:{self.simulator.providers[provider].port}"

    async def ask(self, provider: str, **body: Any) -> tuple[int, bytes, dict[str, str]]:
        """Call a provider and read all of it."""
        document = {"model": "m", "messages": HELLO, "max_tokens": 100, **body}
        url = self.url(provider) + FORMS[provider]().path
        async with self.session.post(url, json=document, headers=HEADERS[provider]) as response:
            return response.status, await response.read(), dict(response.headers)

    async def control(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Speak to the API for faults."""
        url = f"http://127.0.0.1:{self.simulator.port}{path}"
        async with self.session.request(method, url, json=document) as response:
            text = await response.text()
            return response.status, await response.json() if text else None

    async def fault(self, provider: str, **fault: Any) -> None:
        """Give a provider a fault."""
        status, answer = await self.control("PUT", f"/faults/{provider}", {"faults": [fault]})
        assert status == 200, answer


@pytest.fixture(name="client")
async def _client() -> AsyncIterator[Client]:
    async with Simulator(shape=QUICK) as simulator, aiohttp.ClientSession() as session:
        yield Client(simulator, session)
