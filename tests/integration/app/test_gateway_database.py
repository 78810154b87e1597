"""The gateway on a real PostgreSQL: accounts, breakers of several processes, and its absence."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.link import Link
from tests.integration.service import Answer, App, Serving, free_port, until

CATALOG = """
[policy]
retries = 0
[providers.p]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
[models.m]
deployments = [{{ provider = "p", model = "x", price = {price} }}]
"""
PRICE = '{ input = 1, output = 2, date = 2026-11-01, source = "a test" }'
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
GOOD = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}  # fmt: skip


class Provider:
    """A provider in a thread. `status` is what it answers with."""

    def __init__(self) -> None:
        self.port, self.status, self.calls = free_port(), 200, 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async def chat(_request: web.Request) -> web.Response:
            self.calls += 1
            return web.json_response(GOOD if self.status == 200 else {}, status=self.status)

        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self._end = asyncio.Event()
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(name="provider")
def _provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(name="gateway")
def _gateway(app: App, provider: Provider, tmp_path: Path) -> App:
    """Return the service with a catalog of one model."""
    (tmp_path / "llm.toml").write_text(CATALOG.format(port=provider.port, price=PRICE))
    app.settings["llm_catalog"] = tmp_path / "llm.toml"
    return app


def ask(serving: Serving, key: str) -> Answer:
    """Ask the model."""
    headers = {"Content-Type": "application/json"}
    return serving.ask("/v1/chat/completions", key=key, method="POST", body=BODY, headers=headers)


def state(app: App) -> list[tuple[str, str]]:
    """Return what the table says of breakers."""
    return [(str(n), str(s)) for n, s in app.database.query(
        "SELECT deployment, state FROM breaker_state")]  # fmt: skip


def sees_it_open(serving: Serving) -> None:
    """Wait until a process goes by the open breaker."""
    until(lambda: serving.metric('dash_llm_breaker_state{deployment="p/x"}') == 1)


def outage(provider: Provider, first: Serving, second: Serving, key: str) -> None:
    """Let the provider fail until the one process opened its breaker and the other knows."""
    first.ready()
    second.ready()
    provider.status = 500
    for _ in range(5):
        assert ask(first, key).status == 503
    sees_it_open(second)


def test_calls_are_accounted_for_and_the_rest_is_written_at_the_end(gateway: App) -> None:
    key = gateway.key(permissions=["chat:write"])
    with gateway.serve() as serving:
        answer = ask(serving.ready(), key)
        assert (answer.status, answer.document) == (200, GOOD)
        until(lambda: gateway.database.query("SELECT 1 FROM llm_calls"))
        ask(serving, key)
        serving.stop()
        assert serving.ended() == 0
    rows = gateway.database.query(
        "SELECT model, provider, provider_model, mode, outcome, path, prompt_tokens, "
        "completion_tokens, estimated, cost::float8, request_id <> '' FROM llm_calls"
    )
    expected = ("m", "p", "x", "json", "ok", ["p/x:ok"], 7, 3, False, 1.3e-05, True)
    assert rows == [expected, expected]


def test_an_outage_of_the_database_loses_and_doubles_no_call(gateway: App, link: Link) -> None:
    key = gateway.key(permissions=["chat:write"])
    with gateway.serve() as serving:
        ask(serving.ready(), key)
        link.cut()
        time.sleep(1)
        assert [ask(serving, key).status for _ in range(9)] == [200] * 9
        link.mend()
        until(lambda: gateway.database.query("SELECT count(*) FROM llm_calls") == [(10,)], 30)
    assert gateway.database.query("SELECT count(*) FROM llm_calls") == [(10,)]


def test_a_table_that_is_missing_takes_neither_answers_nor_accounts(
    gateway: App, provider: Provider
) -> None:
    """As for a release after a rollback of the schema that it was not told of."""
    key = gateway.key(permissions=["chat:write"])
    gateway.database.query("DROP TABLE breaker_state")
    with gateway.serve() as serving:
        serving.ready()
        provider.status = 500
        assert [ask(serving, key).status for _ in range(6)] == [503] * 6
        until(lambda: serving.events("llm.breakers_not_shared"))
        provider.status = 200
        until(lambda: ask(serving, key).status == 200, 20)
        until(lambda: gateway.database.query("SELECT 1 FROM llm_calls WHERE outcome = 'ok'"))


def test_another_process_and_one_that_starts_later_begin_with_an_open_breaker(
    gateway: App, provider: Provider
) -> None:
    key = gateway.key(permissions=["chat:write"])
    with gateway.serve() as first, gateway.serve() as second:
        outage(provider, first, second, key)
        assert state(gateway) == [("p/x", "open")]
        assert ask(second, key).status == 503
        gateway.database.query("UPDATE breaker_state SET probe_at = now() + interval '1 hour'")
        with gateway.serve() as third:
            third.ready()
            sees_it_open(third)
            assert ask(third, key).document["error"]["code"] == "provider_breaker_open"
        assert provider.calls == 5


def test_of_two_processes_one_probes_and_both_go_on_when_that_is_good(
    gateway: App, provider: Provider
) -> None:
    key = gateway.key(permissions=["chat:write"])
    with gateway.serve() as first, gateway.serve() as second:
        outage(provider, first, second, key)
        end = time.monotonic() + 7
        while time.monotonic() < end:
            ask(first, key)
            ask(second, key)
        assert provider.calls == 6
        provider.status = 200
        until(lambda: ask(first, key).status == 200, 15)
        until(lambda: ask(second, key).status == 200, 3)
        assert state(gateway) == [("p/x", "closed")]


def test_an_operator_turns_breakers_of_running_processes(gateway: App) -> None:
    key = gateway.key(permissions=["chat:write"])
    with gateway.serve() as serving:
        serving.ready()
        assert gateway.run("llm", "status").out == "p/x: closed, calls go through\n"
        assert gateway.run("llm", "open", "p/x").code == 0
        until(lambda: ask(serving, key).status == 503)
        listed = gateway.run("llm", "status", "--json").document["breakers"]
        assert [(b["deployment"], b["state"]) for b in listed] == [("p/x", "forced")]
        assert gateway.run("llm", "close", "p/x").code == 0
        until(lambda: ask(serving, key).status == 200)
    wrong = gateway.run("llm", "open", "p/y")
    assert (wrong.code, wrong.err) == (1, "there is no deployment p/y, only p/x\n")
    actions = gateway.database.query("SELECT action, target FROM audit_log ORDER BY id")
    assert actions[-2:] == [
        ("breaker_forced", "deployment:p/x"), ("breaker_closed", "deployment:p/x"),
    ]  # fmt: skip
