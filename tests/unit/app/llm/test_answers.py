"""Whole answers: what the client gets, what the provider was asked, and what is noted."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from yarl import URL

from app.llm.breaker import State
from tests.unit.app.llm.conftest import HELLO, SECRET, World
from tests.unit.app.llm.fakes import Reply, answer, cut, raw, said, slow


async def test_an_answer_comes_as_the_provider_said_it(world: World) -> None:
    response = await world.ask("default", seed=5)

    assert (response.status, await response.json()) == (200, answer())
    assert response.headers["x-dash-provider"] == "first"
    assert response.headers["x-dash-attempts"] == "1"
    assert 0 < float(response.headers["x-dash-overhead-ms"]) < 500
    assert world.first.asked == [{"model": "s-1", "messages": HELLO, "seed": 5}]
    assert world.first.headers[0]["Authorization"] == f"Bearer {SECRET}"


async def test_a_call_is_noted_with_tokens_cost_and_way(world: World) -> None:
    await world.ask()

    (row,) = world.rows
    for name in ("id", "at", "user_id", "key_id", "request_id", "total_ms", "overhead_ms"):
        assert row.pop(name)
    assert row == {
        "model": "small", "provider": "first", "provider_model": "s-1", "mode": "json",
        "outcome": "ok", "path": ["first/s-1:ok"], "prompt_tokens": 7, "completion_tokens": 3,
        "estimated": False, "cost": 3.8e-05, "first_ms": None,
    }  # fmt: skip


ODD: dict[str, tuple[str, Reply]] = {
    "500": ("server_error", said({"error": {"message": "x"}}, 500)),
    "503": ("server_error", said({}, 503)),
    "529": ("server_error", said({"error": {"message": "overloaded"}}, 529)),
    "error with 200": ("server_error", said({"error": {"message": "x"}})),
    "redirect": ("server_error", said({}, 302, Location="http://127.0.0.1:1/")),
    "429": ("rate_limited", said({}, 429)),
    "429 with Retry-After": ("rate_limited", said({}, 429, Retry_After="0.01")),
    "wrong key": ("credential_refused", said({"error": {"message": "Incorrect key sk-x"}}, 401)),
    "wrong model": ("credential_refused", said({"error": {"message": "no such model"}}, 404)),
    "no answer": ("connection", cut()),
    "slow": ("timeout", slow(5)),
    "HTML": ("malformed_answer", raw(b"<html>", "text/html")),
    "half of JSON": ("malformed_answer", raw(b'{"choices": [')),
    "no choice": ("malformed_answer", said(answer(choices=[]))),
    "an empty choice": ("malformed_answer", said(answer(choices=[{"index": 0}]))),
    "no object": ("malformed_answer", said([1])),
    "too large": ("malformed_answer", raw(b'{"a": "' + b"x" * 200_000 + b'"}')),
}


@pytest.mark.parametrize(("kind", "reply"), ODD.values(), ids=ODD)
async def test_what_a_provider_does_wrong_is_met_by_the_next_one(
    world: World, kind: str, reply: Reply
) -> None:
    world.first.always = reply

    response = await world.ask("both")

    assert (response.status, await response.json()) == (200, answer())
    assert response.headers["x-dash-provider"] == "second"
    assert world.rows[0]["path"] == [f"first/b-1:{kind}", "second/b-2:ok"]
    assert (len(world.first.asked), len(world.second.asked)) == (1, 1)


@pytest.mark.parametrize(("kind", "reply"), ODD.values(), ids=ODD)
async def test_without_another_one_the_client_is_told_once_and_when_to_come_back(
    world: World, kind: str, reply: Reply
) -> None:
    world.first.always = reply

    response = await world.ask()

    status = {"rate_limited": 429, "timeout": 504}.get(kind, 503)
    words = "rate_limit_error" if status == 429 else "api_error"
    assert await world.problem(response) == (status, words, f"provider_{kind}")
    assert int(response.headers["Retry-After"]) >= 1
    assert len(world.first.asked) == (1 if kind == "credential_refused" else 3)
    assert SECRET not in await response.text()
    assert "sk-x" not in await response.text()
    assert world.rows[0]["outcome"] == kind


async def test_a_provider_that_recovers_is_tried_again_after_a_pause(world: World) -> None:
    world.first.replies = [said({}, 500), said({}, 500)]

    response = await world.ask()

    assert (response.status, response.headers["x-dash-attempts"]) == (200, "3")


async def test_a_model_stands_in_when_none_of_the_asked_one_answers(world: World) -> None:
    world.first.always = said({}, 500)

    response = await world.ask("covered")

    assert response.headers["x-dash-provider"] == "second"
    assert world.second.asked[0]["model"] == "l-1"


async def test_a_refused_connection_is_met_by_the_next_one(world: World) -> None:
    upstream = world.gateway._upstreams["first"]
    upstream._url = URL("http://127.0.0.1:1/v1/chat/completions")

    response = await world.ask("both")

    assert world.rows[0]["path"] == ["first/b-1:connection", "second/b-2:ok"]
    assert response.status == 200


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (400, {"message": "bad tool", "param": "tools"}, (400, "invalid_request")),
        (422, {"message": "bad tool", "param": "tools"}, (422, "invalid_request")),
        (400, {"code": "content_policy_violation", "message": "no"},
         (400, "content_policy_violation")),
        (403, {"code": "content_filter", "message": "no"}, (400, "content_policy_violation")),
    ],
)  # fmt: skip
async def test_what_the_caller_did_goes_nowhere_else_and_opens_no_breaker(
    world: World, status: int, error: dict[str, str], told: tuple[int, str]
) -> None:
    world.first.always = said({"error": error}, status)

    for _ in range(6):
        response = await world.ask("both")
        assert (response.status, (await response.json())["error"]["code"]) == told
        assert (await response.json())["error"]["message"] == error["message"]

    assert (len(world.first.asked), world.second.asked) == (6, [])
    assert world.breaker("first/b-1").state is State.CLOSED


async def test_a_prompt_that_is_too_long_goes_to_the_larger_model_alone(world: World) -> None:
    long = said({"error": {"code": "context_length_exceeded", "message": "too long"}}, 400)
    world.first.always = long

    assert (await world.ask()).headers["x-dash-provider"] == "second"

    response = await world.ask("both")
    assert await world.problem(response) == (
        400, "invalid_request_error", "context_length_exceeded",
    )  # fmt: skip
    assert len(world.second.asked) == 1


async def test_what_a_model_cannot_do_goes_to_one_that_can_without_a_call(world: World) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    messages = [{"role": "user", "content": [image]}]

    response = await world.ask(messages=messages)
    refused = await world.ask("both", messages=messages)

    assert response.headers["x-dash-provider"] == "second"
    assert world.first.asked == []
    assert await world.problem(refused) == (400, "invalid_request_error", "unsupported_value")


async def test_a_dead_provider_costs_five_calls_and_then_none(world: World) -> None:
    world.first.always = said({}, 500)

    for _ in range(20):
        await world.ask()

    assert len(world.first.asked) == 5
    response = await world.ask()
    assert await world.problem(response) == (503, "api_error", "provider_breaker_open")
    assert 1 <= int(response.headers["Retry-After"]) <= 5


async def test_a_client_that_goes_away_takes_the_call_with_it(world: World) -> None:
    world.first.always = slow(5)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await world.ask()
    await asyncio.sleep(0.4)

    assert world.first.cancelled == 1
    assert world.rows[0]["outcome"] == "cancelled"
    assert world.gateway.gates["first"].taken == 0


async def test_the_deadline_ends_it_however_many_tries_are_left(world: World) -> None:
    world.first.always = slow(5)

    started = asyncio.get_running_loop().time()
    response = await world.ask()

    assert response.status == 504
    assert asyncio.get_running_loop().time() - started < 4


async def test_models_are_listed_by_all_their_names(world: World) -> None:
    said = {"Authorization": f"Bearer {world.key}"}
    document = await (await world.client.get("/v1/models", headers=said)).json()

    assert document["object"] == "list"
    assert [m["id"] for m in document["data"]] == ["both", "covered", "default", "large", "small"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"model": "nope"}, (404, "invalid_request_error", "model_not_found")),
        ({"model": ""}, (422, "invalid_request_error", "invalid")),
        ({"messages": []}, (422, "invalid_request_error", "invalid")),
        ({"messages": "hi"}, (422, "invalid_request_error", "invalid")),
        ({"messages": [{"role": "boss"}]}, (422, "invalid_request_error", "invalid")),
        ({"temperature": 3}, (422, "invalid_request_error", "invalid")),
        ({"stream": "yes"}, (422, "invalid_request_error", "invalid")),
        ({"max_tokens": 0}, (422, "invalid_request_error", "invalid")),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_before_anybody_is_called(
    world: World, body: dict[str, Any], told: tuple[int, str, str]
) -> None:
    assert await world.problem(await world.ask(**body)) == told
    assert world.first.asked == []


async def test_a_body_that_is_too_large_is_refused_in_openais_form(world: World) -> None:
    messages = [{"role": "user", "content": "x" * 2_000_000}]
    body = io.BytesIO(json.dumps({"model": "small", "messages": messages}).encode())
    headers = {"Authorization": f"Bearer {world.key}", "Content-Type": "application/json"}

    response = await world.client.post("/v1/chat/completions", data=body, headers=headers)

    assert await world.problem(response) == (413, "invalid_request_error", "too_large")


async def test_who_may_not_is_told_in_openais_form(world: World) -> None:
    reader = world.database.add(permissions=["models:read"])

    assert await world.problem(await world.ask(key="dash_x_y")) == (
        401, "authentication_error", "unauthorized",
    )  # fmt: skip
    assert await world.problem(await world.ask(key=reader)) == (
        403, "permission_error", "forbidden",
    )  # fmt: skip


async def test_unknown_parameters_are_the_providers_business(world: World) -> None:
    await world.ask(reasoning_effort="low", messages=[{"role": "user", "content": "x", "zip": 1}])

    assert world.first.asked[0]["reasoning_effort"] == "low"
    assert world.first.asked[0]["messages"][0]["zip"] == 1


async def test_a_budget_is_charged_with_what_was_used_and_says_no_in_advance(world: World) -> None:
    key = world.database.add(permissions=["chat:write"], token_budget=400)

    for _ in range(3):
        assert (await world.ask(key=key)).status == 200
        await asyncio.sleep(0.01)
    taken = sum(n for (_, meter, _), n in world.database.taken.items() if meter == "tokens")
    limiter = world.gateway._limiter
    left = sum(c.left for (_, meter), c in limiter._counters.items() if meter == "tokens")
    assert taken - left == 30

    response = await world.ask(key=key, max_tokens=380)
    assert await world.problem(response) == (429, "rate_limit_error", "budget_spent")


async def test_the_same_idempotency_key_gets_the_same_answer_once(world: World) -> None:
    world.first.always = slow(0.1)
    headers = {"Idempotency-Key": "k1"}

    first, second = await asyncio.gather(world.ask(headers=headers), world.ask(headers=headers))
    assert sorted([first.status, second.status]) == [200, 409]
    again = await world.ask(headers=headers)
    assert (await again.json(), again.headers["x-dash-replayed"]) == (answer(), "true")
    other = await world.ask(headers=headers, seed=1)
    assert (await world.problem(other))[2] == "idempotency_key_reused"
    assert len(world.first.asked) == 1


async def test_a_failure_is_not_kept_for_an_idempotency_key(world: World) -> None:
    world.first.replies = [said({"error": {"message": "no"}}, 400)]
    headers = {"Idempotency-Key": "k1"}

    assert (await world.ask(headers=headers)).status == 400
    assert (await world.ask(headers=headers)).status == 200


async def test_rows_of_calls_have_ids_that_grow(world: World) -> None:
    for _ in range(3):
        await world.ask()
        await asyncio.sleep(0.002)
    ids = [row["id"] for row in world.rows]
    assert ids == sorted(set(ids))
    assert {i[14] for i in ids} == {"7"}
