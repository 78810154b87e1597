"""The API's description, made of the route table and the models: OpenAPI 3.1."""

from __future__ import annotations

import inspect
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from app.access.browser import COOKIE, CSRF
from app.access.permissions import PERMISSIONS
from app.models import Error, OpenAIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from app.routing import Route

VERSION = "3.1.0"
_REF = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"\{(\w+)(?::((?:[^{}]|\{\d+\})+))?\}")
_TEXT = {"schema": {"type": "string"}}
_HEADERS = {
    "Retry-After": {"description": "Seconds after which another try makes sense.", **_TEXT},
    "RateLimit": {"description": "What is left, after the IETF's draft.", **_TEXT},
    "RateLimit-Policy": {"description": "What the caller may use.", **_TEXT},
    "Location": {"description": "Where what was made is.", **_TEXT},
}
Document = dict[str, Any]
Refs = dict[object, Document]  # where a model stands


def document(routes: Sequence[Route], version: str) -> Document:
    """Return the description of some routes; pages for people are no part of the API."""
    routes = [route for route in routes if not route.page]
    refs, schemas = _models(routes)
    paths: Document = {}
    for route in routes:
        path = _VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs)
    permissions = "\n".join(f"- `{name}`: {words}" for name, words in PERMISSIONS.items())
    return {
        "openapi": VERSION,
        "info": {
            "title": "Dash",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": f"Permissions of keys:\n\n{permissions}",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "dash_<id>_<secret>",
                    "description": "An API key.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "A browser's session. What changes something needs the "
                    f"session's csrf_token in the header {CSRF}, too.",
                },
            },
        },
    }


def statuses(route: Route) -> list[int]:
    """Return every status that a route may answer with, the wanted one aside."""
    found = set(route.errors)
    if not route.probe:
        found.add(429)
    if not route.open:
        found |= {401, 403, 503}
    if route.body is not None:
        found |= {400, 413, 415, 422}
    if route.query is not None:
        found.add(422)
    return sorted(found - {route.status})


def _models(routes: Sequence[Route]) -> tuple[Refs, Document]:
    """Return where each model stands, and what stands there."""
    errors = (Error, OpenAIError)
    wanted: dict[tuple[type[BaseModel], Any], None] = {(e, "serialization"): None for e in errors}
    for route in routes:
        if route.body is not None:
            wanted[route.body, "validation"] = None
        if route.answer is not None:
            wanted[route.answer, "serialization"] = None
    found, rest = models_json_schema(list(wanted), ref_template=_REF)
    return {model: dict(schema) for (model, _), schema in found.items()}, rest["$defs"]


def _operation(route: Route, refs: Refs) -> Document:
    words = inspect.getdoc(route.handler) or route.name
    operation: Document = {
        "operationId": route.name,
        "summary": words.partition("\n")[0],
        "security": _security(route),
        "responses": {
            str(route.status): _wanted(route, refs),
            **{str(status): _problem(status, refs, route) for status in statuses(route)},
        },
    }
    if parameters := [*_in_path(route), *_in_query(route)]:
        operation["parameters"] = parameters
    if route.permission:
        operation["x-permission"] = route.permission
        operation["description"] = f"Needs the permission `{route.permission}`."
    if route.body is not None:
        content = {"application/json": {"schema": refs[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(route: Route) -> list[Document]:
    if route.open:
        return []
    return [{"session": []}] if route.session else [{"key": []}, {"session": []}]


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _wanted(route: Route, refs: Refs) -> Document:
    limits = [] if route.probe else ["RateLimit", "RateLimit-Policy"]
    made = ["Location"] if route.status == HTTPStatus.CREATED else []
    found: Document = {"description": HTTPStatus(route.status).phrase}
    if headers := _headers(*limits, *made):
        found["headers"] = headers
    if route.answer is not None:
        found["content"] = {route.media_type: {"schema": refs[route.answer]}}
        if route.streams:
            found["content"][route.streams] = {"schema": {"type": "string"}}
    elif route.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.SWITCHING_PROTOCOLS):
        found["content"] = {route.media_type: {"schema": {}}}
    return found


def _problem(status: int, refs: Refs, route: Route) -> Document:
    found: Document = {"description": HTTPStatus(status).phrase}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        found["headers"] = _headers("Retry-After")
    schema = refs[OpenAIError if route.openai else Error]
    return {**found, "content": {"application/json": {"schema": schema}}}


def _in_path(route: Route) -> list[Document]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"pattern": f"^{rule}$"} if rule else {})},
        }
        for name, rule in _VARIABLE.findall(route.path)
    ]


def _in_query(route: Route) -> list[Document]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REF)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _without_null(part),
        }
        for name, part in schema["properties"].items()
    ]


def _without_null(schema: Document) -> Document:
    """Return the schema of a parameter: it can be left out, but null cannot be said."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {k: v for k, v in schema.items() if k not in ("anyOf", "default")}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
