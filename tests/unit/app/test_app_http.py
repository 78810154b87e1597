"""What clients see of the service: one envelope, ids, headers, and answers to every method."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app import middleware, routes
from app.access.auth import Authenticator
from app.access.limits import Limiter
from app.health import Health
from app.main import create_app, private_app
from app.metrics import Metrics
from app.settings import Settings
from tests.unit.app.conftest import FakeDatabase
from tests.unit.app.test_exemplars import PROMETHEUS

JSON = {"Content-Type": "application/json"}
Client = TestClient[web.Request, web.Application]


@pytest.fixture(name="app")
async def _app(settings: Settings, database: FakeDatabase) -> web.Application:
    """Return the application over the fake database, with routes that go wrong."""
    app = create_app(settings.model_copy(update={"max_body": 2048}))
    app.cleanup_ctx.clear()  # no pool, nothing in the background: the parts have their own tests
    app[routes.AUTH] = Authenticator(database, settings, app[routes.METRICS])
    app[routes.LIMITER] = Limiter(database, settings)

    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("password=hunter2hunter2 in table api_keys")

    async def strange(_request: web.Request) -> web.Response:
        raise web.HTTPConflict(text="internal words")

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return response

    app.add_routes(
        [web.get("/broken", broken), web.get("/strange", strange), web.get("/stream", streamed)]
    )
    return app


@pytest.fixture(name="client")
async def _client(app: web.Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app)) as client:
        yield client
    await app[routes.AUTH].close()


def health(client: Client) -> Health:
    """Return what /readyz answers from."""
    assert client.app is not None
    return client.app[routes.HEALTH]


async def problem(answer: Any) -> tuple[int, str, str]:
    """Return status, code and message of an error, which has nothing else but its id."""
    body = await answer.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "message", "request_id"]
    assert body["error"]["request_id"] == answer.headers["X-Request-Id"]
    return answer.status, body["error"]["code"], body["error"]["message"]


async def test_healthz_says_that_the_process_lives(client: Client) -> None:
    answer = await client.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_readyz_answers_503_and_names_its_checks_until_started(client: Client) -> None:
    answer = await client.get("/readyz")
    body = await answer.json()
    assert (answer.status, body["status"]) == (503, "starting")
    assert sorted(body["checks"]) == ["database", "draining", "schema", "started"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nope", (404, "not_found", "there is nothing at this address")),
        ("/broken", (500, "internal", "something went wrong here")),
        ("/strange", (409, "error", "the request was not done")),
        ("/v1/me", (401, "unauthorized", "a valid API key is needed")),
        ("/v1/echo", (405, "method_not_allowed", "this address does not take that method")),
    ],
)
async def test_every_error_is_one_envelope_and_tells_nothing_internal(
    client: Client, path: str, expected: tuple[int, str, str]
) -> None:
    answer = await client.get(path)
    assert await problem(answer) == expected
    assert not re.search("hunter2|api_keys|internal words|Traceback", await answer.text())


async def test_a_refused_method_names_those_that_are_taken(client: Client) -> None:
    answer = await client.delete("/v1/echo")
    assert answer.headers["Allow"] == "POST"


async def test_401_says_how_to_come_in_and_503_when_to_come_back(
    client: Client, database: FakeDatabase
) -> None:
    assert (await client.get("/v1/me")).headers["WWW-Authenticate"] == "Bearer"
    key = database.add()
    database.gone = True
    answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert await problem(answer) == (503, "unavailable", "the database does not answer")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("given", ["abcdefgh", "A.b_c-1234567", "x" * 64])
async def test_a_well_formed_request_id_is_kept(client: Client, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "<script>alert", "ä" * 10])
async def test_any_other_request_id_is_replaced(client: Client, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/healthz", "/nope", "/broken", "/v1/me", "/stream"])
async def test_every_answer_has_the_security_headers_and_says_who_served(
    client: Client, path: str
) -> None:
    headers = (await client.get(path)).headers
    found = {name: headers.get(name) for name in (
        "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Server", "Cache-Control",
        "Content-Security-Policy", "X-Dash-Version", "X-Dash-Color",
    )}  # fmt: skip
    assert found == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Server": "dash",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "X-Dash-Version": Settings().version,
        "X-Dash-Color": "blue",
    }
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["X-Request-Id"]


async def test_the_version_can_be_kept_from_everybody(settings: Settings) -> None:
    prepare = middleware.on_prepare(settings.model_copy(update={"expose_version": False}))
    app = web.Application()
    app.on_response_prepare.append(prepare)
    async with TestClient(TestServer(app)) as client:
        headers = (await client.get("/")).headers
    assert [name for name in headers if name.startswith("X-Dash")] == []
    assert headers["Server"] == "dash"


async def test_me_says_whose_the_key_is_and_nothing_secret(
    client: Client, database: FakeDatabase
) -> None:
    key = database.add(permissions=["chat"])
    answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    body = await answer.json()
    row = database.rows[key.split("_")[1]]
    assert body["user"] == {"id": str(row.user_id), "email": "ann@example.org", "role": "user"}
    assert body["key"] == {
        "id": row.public_id, "name": "default", "permissions": ["chat"], "expires_at": None,
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"{}", b'{"a": 1,  "b":[null,true]}', '{"ä":"€"}'.encode()])
async def test_echo_gives_back_what_was_sent_byte_for_byte(
    client: Client, database: FakeDatabase, body: bytes
) -> None:
    headers = {**JSON, "Authorization": f"Bearer {database.add()}"}
    answer = await client.post("/v1/echo", data=body, headers=headers)
    assert (answer.status, await answer.read()) == (200, body)
    assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", JSON, (400, "malformed")),
        (b"", JSON, (400, "malformed")),
        (b"[1]", JSON, (422, "invalid")),
        (b'"text"', JSON, (422, "invalid")),
        (b"\xff\xfe", JSON, (400, "malformed")),
        (b"[" * 1500, JSON, (400, "malformed")),
        (b"{}", {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
        (json.dumps({"x": "y" * 3000}).encode(), JSON, (413, "too_large")),
    ],
)
async def test_echo_refuses_what_is_no_json_object_or_too_large(
    client: Client,
    database: FakeDatabase,
    body: bytes,
    headers: dict[str, str],
    expected: tuple[int, str],
) -> None:
    said = {**headers, "Authorization": f"Bearer {database.add()}"}
    answer = await client.post("/v1/echo", data=body, headers=said)
    assert (await problem(answer))[:2] == expected


async def test_echo_is_behind_a_key(client: Client) -> None:
    assert (await problem(await client.post("/v1/echo", data=b"{}", headers=JSON)))[0] == 401


async def test_one_line_is_written_for_each_request(client: Client, database: FakeDatabase) -> None:
    key = database.add()
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        await client.get("/v1/me?token=x", headers={"Authorization": f"Bearer {key}"})
        await client.get("/healthz")
        await client.get("/readyz")
    answered = [x for x in lines if x["event"] == "request.answered"]
    assert [(x["path"], x["status"], x["log_level"]) for x in answered] == [
        ("/v1/me", 200, "info"), ("/healthz", 200, "debug"), ("/readyz", 503, "info"),
    ]  # fmt: skip
    assert [x.get("key") for x in answered] == [key.split("_")[1], None, None]
    assert len({x["request_id"] for x in answered}) == 3
    assert answered[0]["ms"] > 0


async def test_a_hidden_error_is_logged_with_its_request(client: Client) -> None:
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        answer = await client.get("/broken")
    (failed,) = [x for x in lines if x["event"] == "request.failed"]
    assert failed["request_id"] == answer.headers["X-Request-Id"]
    assert failed["exc_info"]


async def test_what_one_request_bound_is_not_in_the_next_ones_lines(settings: Settings) -> None:
    """The contexts are cleared even when both requests run in one task."""
    seen: list[dict[str, Any]] = []
    around = middleware.around(Metrics("1", "blue"), Health(settings, FakeDatabase()))  # type: ignore[arg-type]  # run only

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/first":
            structlog.contextvars.bind_contextvars(user="ann")
        seen.append(dict(structlog.contextvars.get_contextvars()))
        return web.Response()

    @web.middleware
    async def both(request: web.Request, handler: middleware.Handler) -> web.StreamResponse:
        await around(request.clone(rel_url="/first"), handler)
        return await around(request, handler)

    app = web.Application(middlewares=[both])
    app.router.add_get("/{path}", handler)
    async with TestClient(TestServer(app)) as client:
        await client.get("/second")
    assert "user" in seen[0]
    assert sorted(seen[1]) == ["request_id"]


async def test_while_draining_connections_are_not_kept(client: Client) -> None:
    assert (await client.get("/healthz")).headers.get("Connection") is None
    health(client).draining = True
    answer = await client.get("/readyz")
    assert (answer.status, (await answer.json())["status"]) == (503, "draining")
    assert answer.headers["Connection"] == "close"


async def test_metrics_count_by_route_and_by_known_methods_alone(client: Client) -> None:
    for path in ("/healthz", "/nope/1", "/nope/2"):
        await client.get(path)
    await client.request("PROPFIND", "/healthz")
    assert client.app is not None
    private = private_app(client.app)
    async with TestClient(TestServer(private)) as inside:
        answer = await inside.get("/metrics")
        text = await answer.text()
        asked = await inside.get("/metrics", headers={"Accept": PROMETHEUS})
        assert (await inside.get("/healthz")).status == 200
        assert (await inside.get("/v1/me")).status == 404
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    lines = [x for x in text.splitlines() if x.startswith("dash_requests_total")]
    assert sorted(lines) == [
        'dash_requests_total{method="GET",route="/healthz",status="200"} 1.0',
        'dash_requests_total{method="GET",route="unmatched",status="404"} 2.0',
        'dash_requests_total{method="other",route="unmatched",status="405"} 1.0',
    ]
    version = Settings().version
    assert f'dash_build_info{{color="blue",config="",version="{version}"}} 1.0' in text
    for line in (
        "dash_requests_in_flight 0.0",
        "dash_ready 0.0",
        "dash_key_listener_up 0.0",
        'dash_pool_connections{state="most"} 6.0',
        "process_cpu_seconds_total",
    ):
        assert line in text


async def test_metrics_are_not_on_the_public_listener(client: Client) -> None:
    assert (await client.get("/metrics")).status == 404


def paths(*, page: bool) -> list[tuple[str, str]]:
    """Return method and path of the routes of the API, or of the pages."""
    found = [route for route in routes.PUBLIC if route.page is page]
    return [(route.method, re.sub(r":[^/]+", "}", route.path)) for route in found]


def test_only_known_routes_are_there() -> None:
    assert paths(page=False) == [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/docs/style.css"),
        ("GET", "/v1/me"),
        ("POST", "/v1/echo"),
        ("GET", "/v1/echo/events"),
        ("GET", "/ws"),
        ("GET", "/v1/agents"),
        ("DELETE", "/v1/agents/{name}"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys"),
        ("GET", "/v1/keys/{id}"),
        ("PATCH", "/v1/keys/{id}"),
        ("DELETE", "/v1/keys/{id}"),
        ("POST", "/v1/keys/{id}/rotate"),
        ("POST", "/v1/users"),
        ("POST", "/v1/sign-ups"),
        ("POST", "/v1/sessions"),
        ("GET", "/v1/sessions"),
        ("DELETE", "/v1/sessions/current"),
        ("DELETE", "/v1/sessions/{id}"),
        ("DELETE", "/v1/sessions"),
        ("POST", "/v1/password"),
        ("POST", "/v1/password-resets"),
        ("POST", "/v1/password-resets/confirm"),
        ("GET", "/v1/audit"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/providers"),
        ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/callback"),
        ("GET", "/sign-in/saml"),
        ("POST", "/sign-in/saml/acs"),
        ("GET", "/sign-in/saml/metadata"),
    ]


def test_only_known_pages_are_there() -> None:
    assert paths(page=True) == [
        ("GET", "/"),
        ("GET", "/audit"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
        ("GET", "/sign-up"),
        ("POST", "/sign-up"),
        ("GET", "/forgot"),
        ("POST", "/forgot"),
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("GET", "/keys/{id}"),
        ("POST", "/keys/{id}/rotate"),
        ("POST", "/keys/{id}/revoke"),
        ("GET", "/sessions"),
        ("POST", "/sessions/end"),
        ("POST", "/sessions/{id}/end"),
        ("GET", "/password"),
        ("POST", "/password"),
        ("GET", "/reset"),
        ("GET", "/assets/{name}"),
    ]
