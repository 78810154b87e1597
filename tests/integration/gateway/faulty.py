"""The service in front of the simulator, and what a client sees of each of its faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from app import routes
from app.llm.breaker import Breaker
from app.settings import Settings
from chaos.simulator.answers import Shape
from chaos.simulator.faults import OF_CONNECTIONS, Fault, Kind
from chaos.simulator.simulator import FORMS, Simulator
from tests.certificates import certificate
from tests.unit.app.conftest import FakeDatabase
from tests.unit.app.llm.conftest import AsServed, built

NAMES = tuple(FORMS)
MODES = ("json", "live", "whole")
SHAPE = Shape(first=0.0, token=0.001, tokens=8, spread=0.2)
POLICY = """
[policy]
deadline_seconds = 6
base_seconds = 0.01
most_seconds = 0.05
keep_alive_seconds = 10
"""
PROVIDER = """
[providers.{name}]
kind = "{name}"
base_url = "https://127.0.0.1:{port}/v1"
ca = "{ca}"
credential = "llm_{name}"
connect_seconds = 0.5
first_seconds = 0.4
chunk_seconds = 0.4
total_seconds = 1
max_answer = 200000
"""
MODEL = """
[models.{name}]
deployments = [{deployments}]
"""
DEPLOYMENT = '{{ provider = "{provider}", model = "{model}" }}'
# Each fault of the simulator, named for the table in the documentation.
FAULTS: dict[str, Fault] = {
    "refuse": Fault(kind=Kind.REFUSE),
    "tls": Fault(kind=Kind.TLS),
    "reset": Fault(kind=Kind.RESET),
    "timeout": Fault(kind=Kind.TIMEOUT),
    "slow_first": Fault(kind=Kind.SLOW_FIRST),
    "slow_tokens": Fault(kind=Kind.SLOW_TOKENS, seconds=1),
    "cut": Fault(kind=Kind.CUT),
    "stall": Fault(kind=Kind.STALL),
    "malformed": Fault(kind=Kind.MALFORMED),
    "empty": Fault(kind=Kind.EMPTY),
    "error_event": Fault(kind=Kind.ERROR_EVENT),
    "rate_limited": Fault(kind=Kind.RATE_LIMITED),
    "rate_limited, Retry-After 7": Fault(kind=Kind.RATE_LIMITED, retry_after=7),
    "status 500": Fault(kind=Kind.STATUS, status=500),
    "status 502": Fault(kind=Kind.STATUS, status=502),
    "status 503": Fault(kind=Kind.STATUS, status=503),
    "status 529": Fault(kind=Kind.STATUS, status=529),
    "status 401": Fault(kind=Kind.STATUS, status=401),
    "content_type": Fault(kind=Kind.CONTENT_TYPE),
    "huge": Fault(kind=Kind.HUGE, bytes=400_000),
    "policy": Fault(kind=Kind.POLICY),
    "context": Fault(kind=Kind.CONTEXT),
}


@dataclass(frozen=True)
class Seen:
    """What a client saw."""

    status: int
    code: str = ""  # of the error, also of one within a stream
    whole: bool = False  # an answer, or a stream with its end
    text: str = ""
    retry_after: str | None = None

    def __str__(self) -> str:
        """As the table has it."""
        if self.whole:
            return f"{self.status}, whole"
        retry = "" if self.retry_after is None else f", Retry-After {self.retry_after}"
        return f"{self.status} {self.code}{retry}"


@dataclass
class Faulty:
    """The service, its client and the simulator behind it."""

    client: TestClient[Any, Any]
    simulator: Simulator
    key: str

    async def ask(self, model: str, mode: str, **body: Any) -> Seen:
        """Ask a model and hold what comes against OpenAI's form."""
        headers = {"Authorization": f"Bearer {self.key}"}
        document = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
        if mode != "json":
            document |= {"stream": True, "stream_options": {"include_usage": True}}
            headers["X-Dash-Stream"] = mode
        path = "/v1/chat/completions"
        async with self.client.post(path, json=document, headers=headers) as response:
            if response.status == 200 and mode != "json":
                return await _streamed(response)
            return _answered(response, await response.json())

    async def fault(self, provider: str, *faults: Fault) -> None:
        """Give a provider faults."""
        await self.simulator.providers[provider].apply(list(faults))

    def breakers(self) -> list[Breaker]:
        """Return every breaker of the service."""
        assert self.client.app is not None
        return list(self.client.app[routes.GATEWAY].breakers._breakers.values())

    def calls(self, provider: str, model: str) -> int:
        """Return how often a model was asked for at a provider."""
        return self.simulator.providers[provider].calls.models[model]


def _answered(response: ClientResponse, document: dict[str, Any]) -> Seen:
    retry = response.headers.get("Retry-After")
    if response.status != 200:
        error = document["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        return Seen(response.status, error["code"], retry_after=retry)
    choice = document["choices"][0]
    assert choice["finish_reason"] in {"stop", "length", "tool_calls"}
    text = choice["message"]["content"] or ""
    assert document["usage"]["completion_tokens"] == len(text.split())
    return Seen(200, whole=True, text=text)


async def _streamed(response: ClientResponse) -> Seen:
    """Read a stream: it is whole when it says so, with all of its tokens, and at no other time."""
    assert response.content_type == "text/event-stream"
    raw = await response.read()  # raises when the connection was cut
    events = [x.removeprefix(b"data: ") for x in raw.split(b"\n\n") if x.startswith(b"data: ")]
    done = bool(events) and events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[: -1 if done else None]]
    assert b"[DONE]" not in events[:-1]
    errors = [chunk["error"] for chunk in chunks if "error" in chunk]
    if errors:
        assert not done
        assert len(errors) == 1
        assert "error" in chunks[-1]  # nothing comes after it
        return Seen(200, errors[0]["code"])
    assert done, raw[-200:]
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["stop"]
    usage = next(c["usage"] for c in chunks if not c["choices"])
    assert usage["completion_tokens"] == len(text.split())
    return Seen(200, whole=True, text=text)


@contextlib.asynccontextmanager
async def faulty(
    settings: Settings,
    database: FakeDatabase,
    directory: Path,
    models: Iterable[tuple[str, Iterable[str]]],
) -> AsyncIterator[Faulty]:
    """Serve models, each with its providers in their order; a provider knows it by that name."""
    ca = certificate(directory / "tls.pem")
    async with Simulator(shape=SHAPE, tls=(ca, ca)) as simulator:
        parts = [POLICY]
        for name, provider in simulator.providers.items():
            parts.append(PROVIDER.format(name=name, port=provider.port, ca=ca))
            (directory / f"llm_{name}").write_text("k")
        for model, providers in models:
            places = [DEPLOYMENT.format(provider=p, model=model) for p in providers]
            parts.append(MODEL.format(name=model, deployments=", ".join(places)))
        (directory / "llm.toml").write_text("".join(parts))
        settings = settings.model_copy(update={"llm_catalog": str(directory / "llm.toml")})
        key = database.add(permissions=["chat:write", "models:read"], rate_limit=1_000_000)
        with patch.dict(os.environ, {"CREDENTIALS_DIRECTORY": str(directory)}):
            app = built(settings, database)
        async with TestClient(AsServed(app)) as client:
            yield Faulty(client, simulator, key)


async def table(world: Faulty, faults: Iterable[str], at_once: int) -> dict[str, str]:
    """Return the row of each fault: what a client sees in each mode, and how many calls it costs.

    Every fault, provider and mode has a model of its own, so that no breaker counts for two.
    """
    faults = list(faults)
    of_calls = [name for name in faults if FAULTS[name].kind not in OF_CONNECTIONS]
    for name in NAMES:
        given = [(FAULTS[f], model(f, name, mode)) for f in of_calls for mode in MODES]
        await world.fault(name, *(replace(fault, model=asked) for fault, asked in given))
    rows = await _rows(world, of_calls, at_once)
    for fault in faults:
        if fault not in rows:
            for name in NAMES:
                await world.fault(name, FAULTS[fault])
            rows |= await _rows(world, [fault], at_once)
    return {fault: rows[fault] for fault in faults}


async def _rows(world: Faulty, faults: list[str], at_once: int) -> dict[str, str]:
    places = asyncio.Semaphore(at_once)

    async def one(fault: str, name: str, mode: str) -> str:
        asked = model(fault, name, mode)
        async with places:
            seen = await world.ask(asked, mode)
        return f"{seen} ({world.calls(name, asked)})"

    async def row(fault: str) -> str:
        cells = []
        for mode in MODES:
            seen = await asyncio.gather(*(one(fault, name, mode) for name in NAMES))
            same = len(set(seen)) == 1
            cells.append(seen[0] if same else str(dict(zip(NAMES, seen, strict=True))))
        return f"| {fault} | {' | '.join(cells)} |"

    return dict(zip(faults, await asyncio.gather(*map(row, faults)), strict=True))


def model(fault: str, provider: str, mode: str) -> str:
    """Return the model that is asked for, and struck by this fault alone."""
    return f"{fault.replace(' ', '-').replace(',', '')}-{provider}-{mode}"


def single_models() -> list[tuple[str, list[str]]]:
    """Return the models that `table` asks for."""
    return [(model(f, name, mode), [name]) for f in FAULTS for name in NAMES for mode in MODES]
