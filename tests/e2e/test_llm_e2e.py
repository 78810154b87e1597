"""OpenAI's own client, unchanged, through the edge: all providers, each fault, and a release."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from tests.e2e.driver import Lab, inside, wait_for

pytestmark = pytest.mark.lab
MODELS = {"gpt": "openai", "claude": "anthropic", "kimi": "kimi"}
HELLO = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
SOON = 30.0  # seconds in which a provider that is back is used again
STREAMS = 10
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "refuse"},
    {"kind": "tls"},
    {"kind": "cut"},
    {"kind": "rate_limited", "retry_after": 9},
    {"kind": "status", "status": 529},
)
OTHERS: tuple[dict[str, Any], ...] = (  # each takes some time in the lab
    {"kind": "reset"},
    {"kind": "slow_first"},
    {"kind": "slow_tokens", "seconds": 3},
    {"kind": "stall"},
    {"kind": "malformed"},
    {"kind": "empty"},
    {"kind": "error_event"},
    {"kind": "rate_limited"},
    *({"kind": "status", "status": status} for status in (500, 502, 503)),
    {"kind": "content_type"},
    {"kind": "huge"},
)


@dataclass
class World:
    """The lab's edge, a client of OpenAI's, and the simulator's API for faults."""

    lab: Lab
    client: Any
    simulator: str

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Speak to the simulator from its own host: nobody else may."""
        words = ["curl", "-sS", "-X", method, f"http://127.0.0.1:9100{path}"]
        if document is not None:
            words += ["-d", json.dumps(document)]
        said = inside(self.simulator, *words)
        return json.loads(said) if said.strip() else None

    def fault(self, provider: str, *faults: dict[str, Any]) -> None:
        """Give a provider faults and no others."""
        answer = self.control("PUT", f"/faults/{provider}", {"faults": faults})
        assert len(answer["faults"]) == len(faults)

    def calls(self, provider: str, model: str) -> int:
        """Return how often a provider was asked for a model."""
        return int(self.control("GET", "/calls")[provider]["models"].get(model, 0))

    def heal(self) -> None:
        """End every fault, and close the breakers as an operator does."""
        self.control("DELETE", "/faults")
        self.lab.ok("llm", "close", *(f"{p}/{m}" for m, p in MODELS.items()), "openai/gpt-alone")

    def answer(self, model: str) -> str:
        """Ask for an answer, and hold it against its own count of tokens."""
        found = self.client.chat.completions.create(model=model, messages=HELLO)
        text = found.choices[0].message.content
        assert found.usage.completion_tokens == len(text.split())
        return str(text)

    def stream(self, model: str, mode: str = "live") -> str:
        """Ask for a stream, and hold it against its own count of tokens."""
        chunks = list(
            self.client.chat.completions.create(
                model=model,
                messages=HELLO,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"X-Dash-Stream": mode},
            )
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage.completion_tokens == len(text.split())
        return text


@pytest.fixture(name="world", scope="module")
def _world(lab: Lab) -> Iterator[World]:
    words = ("--user", "llm@example.org", "--create-user", "--rate", "1000000", "--json")
    key = json.loads(lab.ok("key", "create", *words).output)["key"]
    outputs = lab.outputs()
    context = ssl.create_default_context(cafile=str(lab.directory / "ca.pem"))
    client = openai.OpenAI(
        api_key=key,
        base_url=f"{outputs['urls']['https']}/v1",
        max_retries=0,
        http_client=httpx2.Client(verify=context, timeout=60),
    )
    world = World(lab, client, lab.container("simulator-1"))
    world.heal()
    yield world
    world.heal()
    client.close()


@pytest.mark.parametrize(("model", "provider"), MODELS.items())
def test_openais_client_gets_answers_streams_and_tools_from_every_provider(
    world: World, model: str, provider: str
) -> None:
    before = world.calls(provider, model)
    assert world.answer(model)
    assert world.stream(model)
    assert world.stream(model, "whole")
    raw = world.client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
    assert raw.headers["x-dash-provider"] == provider
    assert raw.headers["x-dash-attempts"] == "1"
    assert float(raw.headers["x-dash-overhead-ms"]) < 1000
    called = world.client.chat.completions.create(model=model, messages=HELLO, tools=TOOLS)
    (call,) = called.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "x"})
    assert world.calls(provider, model) == before + 5


def test_openais_client_gets_errors_as_its_own_types(world: World) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        world.answer("nope")
    assert missing.value.code == "model_not_found"
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)):
        world.client.chat.completions.create(model="gpt", messages=[])
    with pytest.raises(openai.AuthenticationError):
        world.client.with_options(api_key="dash_no_no").models.list()  # pragma: allowlist secret
    assert set(MODELS) < {model.id for model in world.client.models.list()}
    for kind, code in (
        ("policy", "content_policy_violation"),
        ("context", "context_length_exceeded"),
    ):
        world.fault("openai", {"kind": kind})
        with pytest.raises(openai.BadRequestError) as refused:
            world.answer("gpt-alone")
        assert refused.value.code == code
    world.control("DELETE", "/faults")


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(fault, marks=pytest.mark.slow) for fault in OTHERS)],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_another_provider_stands_in_during_each_fault(world: World, fault: dict[str, Any]) -> None:
    try:
        world.fault("openai", fault)
        assert world.answer("gpt")
        assert world.stream("gpt", "whole")
        with pytest.raises(openai.APIStatusError) as failed:
            world.answer("gpt-alone")
        assert failed.value.status_code in {429, 503, 504}
        assert int(failed.value.response.headers["retry-after"]) >= 1
    finally:
        world.heal()


def test_an_outage_costs_five_calls_and_a_provider_that_is_back_is_used_again(
    world: World,
) -> None:
    world.fault("openai", {"kind": "status", "status": 500})
    before = world.calls("openai", "gpt-alone")
    codes = []
    for _ in range(20):
        with pytest.raises(openai.InternalServerError) as failed:
            world.answer("gpt-alone")
        codes.append(failed.value.code)
    assert codes[-1] == "provider_breaker_open"
    assert world.calls("openai", "gpt-alone") - before <= 5 + 1  # and one probe, if it took so long
    world.control("DELETE", "/faults")
    began = time.monotonic()

    def answers() -> bool:
        try:
            return bool(world.answer("gpt-alone"))
        except openai.InternalServerError:
            return False

    assert wait_for(answers, SOON, every=0.5)
    assert time.monotonic() - began < SOON


def test_an_operator_opens_and_closes_a_breaker_in_every_process(world: World) -> None:
    try:
        world.lab.ok("llm", "open", "openai/gpt-alone")

        def refused() -> bool:
            try:
                world.answer("gpt-alone")
            except openai.InternalServerError as error:
                return error.code == "provider_breaker_open"
            return False

        assert wait_for(refused, 10, every=0.2)
        shown = world.lab.ok("llm", "status").output
        assert "openai/gpt-alone: open until: llm close" in shown
    finally:
        world.lab.ok("llm", "close", "openai/gpt-alone")
    assert wait_for(lambda: bool(world.answer("gpt-alone")), 10, every=0.2)


@pytest.mark.slow  # 49 s: test_release_e2e counts streams over four operations
def test_streams_that_are_under_way_end_whole_while_a_release_takes_over(
    world: World, artifacts: dict[str, dict[str, Any]]
) -> None:
    for provider in MODELS.values():
        world.fault(provider, {"kind": "slow_tokens", "seconds": 0.05})  # a stream of about 2 s
    ended: list[str] = []
    broken: list[str] = []
    over = threading.Event()

    def go_on(model: str) -> None:
        while not over.is_set():
            try:
                ended.append(world.stream(model))
                ended.append(world.answer(model) if model != "kimi" else "")
            except Exception as error:  # noqa: BLE001 -- whatever a client sees is told
                broken.append(f"{model}: {error!r}")

    threads = [
        threading.Thread(target=go_on, args=(model,))
        for model, _ in zip([*MODELS] * STREAMS, range(STREAMS), strict=False)
    ]
    active = world.lab.active()[1]
    other = next(a for n in ("second", "plain") if (a := artifacts[n])["version"] != active)
    try:
        for thread in threads:
            thread.start()
        done = world.lab.ok("deploy", "--artifact", other["path"], "--watch", "3", "--force")
        assert world.lab.active()[1] == other["version"], done.output
        world.lab.ok("switch")  # and back
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
        world.heal()

    assert world.lab.active()[1] == active
    assert broken == []
    assert len(ended) >= STREAMS
