"""/openapi.json is valid, complete and true: live answers are held against it, and it is fuzzed."""

from __future__ import annotations

import json
import re
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app import routes
from app.routing import Route
from tests.integration.service import Answer, App, Serving

ALL = (
    "agents:connect", "agents:read", "keys:read", "keys:write", "limits:write", "chat:write",
)  # fmt: skip
WIDE = {"name": "x", "permissions": ["chat:write"], "expires_in_days": 3, "token_budget": 5}


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return the key of an operator, who may do everything there is here."""
    key = app.key(permissions=ALL)
    app.database.query("UPDATE users SET role = 'operator'")
    return key


def api() -> list[Route]:
    """Return the routes of the API; pages for people are not described."""
    return [route for route in routes.PUBLIC if not route.page]


class Asked:
    """A request as openapi-core reads it."""

    def __init__(self, method: str, path: str, key: str, body: Any) -> None:
        self.host_url, self.path, self.method = "http://127.0.0.1", path, method.lower()
        self.content_type = "application/json" if body is not None else ""
        self.body = json.dumps(body).encode() if body is not None else None
        self.parameters = RequestParameters(header={"Authorization": f"Bearer {key}"})


class Answered:
    """An answer as openapi-core reads it."""

    def __init__(self, answer: Answer) -> None:
        self.data, self.status_code = answer.body, answer.status
        self.content_type = answer.headers.get("Content-Type", "").partition(";")[0]
        self.headers = dict(answer.headers)


def test_the_description_is_valid_and_has_every_route(service: Serving) -> None:
    document = service.ask("/openapi.json").document
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    described = {(m.upper(), path) for path, ms in document["paths"].items() for m in ms}
    assert described == {(r.method, re.sub(r":[^/]+", "}", r.path)) for r in api()}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["security"] in (
                [], [{"session": []}], [{"key": []}, {"session": []}],
            )  # fmt: skip
            assert operation["summary"].endswith(".")


def test_live_answers_are_what_the_description_says(service: Serving, key: str) -> None:
    api = OpenAPI.from_dict(service.ask("/openapi.json").document)

    def hold(method: str, path: str, status: int, body: Any = None, by: str = key) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else None
        answer = service.ask(path, key=by, method=method, body=data, headers=headers)
        assert answer.status == status, (method, path, answer.body)
        asked = Asked(method, path.partition("?")[0], by, body)
        api.validate_response(asked, Answered(answer))
        return answer.document if answer.body else None

    for path in ("/healthz", "/readyz", "/v1/me", "/v1/keys", "/v1/keys?limit=1", "/v1/agents"):
        hold("GET", path, 200)
    hold("POST", "/v1/echo", 200, {"any": ["thing", None]})
    made = hold("POST", "/v1/keys", 201, WIDE)
    one = f"/v1/keys/{made['id']}"
    hold("GET", one, 200)
    hold("PATCH", one, 200, {"rate_limit": 5, "request_budget": None})
    hold("POST", f"{one}/rotate", 201, {"overlap_seconds": 60})
    hold("POST", f"{one}/rotate", 409, {})
    hold("DELETE", one, 204)
    hold("GET", one, 404)
    hold("POST", "/v1/keys", 422, {"name": ""})
    hold("POST", "/v1/keys", 401, WIDE, by="nobody")
    hold("POST", "/v1/keys", 403, {"name": "x", "permissions": ["users:write"]})
    hold("GET", "/v1/me", 401, by="")
    hold("GET", "/v1/agents?all=true", 403)
    hold("DELETE", "/v1/agents/nobody", 404)
    hold("GET", "/ws", 400)


def test_the_check_of_answers_can_fail(service: Serving, key: str) -> None:
    document = service.ask("/openapi.json").document
    document["components"]["schemas"]["Me"]["required"].append("colour")
    asked, answer = Asked("GET", "/v1/me", key, None), service.ask("/v1/me", key=key)
    with pytest.raises(Exception, match=r".") as caught:
        OpenAPI.from_dict(document).validate_response(asked, Answered(answer))
    assert "Invalid" in type(caught.value).__name__


@pytest.mark.timeout(600)
@pytest.mark.parametrize("examples", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_no_request_makes_the_service_break_its_description(
    app: App, service: Serving, key: str, examples: int
) -> None:
    """Schemathesis makes requests of the description, right and wrong, with all its checks."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
    seen: set[int] = set()
    operations: list[Any] = [result.ok() for result in all_of(schema)]
    assert len(operations) == len(api()) - 1  # the description itself is not asked for
    target = key.split("_")[1]
    for operation in sorted(operations, key=lambda each: each.method.upper() == "DELETE"):
        fuzz(operation, schemathesis.GenerationMode.POSITIVE, key, seen, examples=examples)
        if operation.path_parameters and operation.method.upper() != "DELETE":
            fuzz(
                operation,
                schemathesis.GenerationMode.POSITIVE,
                key,
                seen,
                examples=examples,
                target=target,
            )
        if operation.body or operation.path_parameters or operation.query:
            fuzz(operation, schemathesis.GenerationMode.NEGATIVE, key, seen, examples=examples)
        app.database.query("DELETE FROM api_keys WHERE public_id <> %s", key.split("_")[1])
    assert {200, 201, 400, 404, 422} <= seen
    assert not {status for status in seen if status >= 500}
    assert not service.events("request.failed")


def all_of(schema: Any) -> Any:
    """Return all operations, each as a result."""
    return schema.get_all_operations()


def fuzz(
    operation: Any, mode: Any, key: str, seen: set[int], *, examples: int, target: str = ""
) -> None:
    """Send requests of one operation, to one key when it is named, and check each answer."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if target:
            case.path_parameters["id"] = target
        if case.path == "/v1/echo/events" and mode is schemathesis.GenerationMode.POSITIVE:
            case.query = {"count": 3, "every_ms": 20}  # any other takes up to a minute
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        seen.add(response.status_code)
        spared = (
            [positive_data_acceptance] if case.path == "/ws" else []
        )  # no upgrade was asked for
        said = {"Authorization": f"Bearer {key}"}
        case.validate_response(response, excluded_checks=spared, headers=said)

    run()


@pytest.mark.parametrize(
    "body", [b'{"name": "a", "name": "b"}', b'{"name":"a"}' + b" " * 2_000_000]
)
def test_bodies_that_programs_read_differently_are_refused(
    service: Serving, key: str, body: bytes
) -> None:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", "/v1/keys", body, headers)
    answer = connection.getresponse()
    assert answer.status == (400 if len(body) < 100 else 413)
    connection.close()
