"""Writes docs/reference/api.md from the API's description: `python -m tests.repo.reference`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from app import openapi, routes
from app.access.permissions import PERMISSIONS, ROLES
from tests.repo import tree

PAGE = tree.ROOT / "docs" / "reference" / "api.md"
BEGIN, END = "<!-- generated: python -m tests.repo.reference -->", "<!-- end -->"
LONGEST_RULE = 40  # characters of a pattern that still says something
Schema = Mapping[str, Any]


def generated() -> str:
    """Return the part of the page that follows from the code."""
    document = openapi.document(routes.PUBLIC, "any")
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    lines = ["## Permissions", *_permissions(), "", "## Routes", *_overview(operations), ""]
    for method, path, operation in operations:
        lines += [*_operation(method, path, operation), ""]
    lines.append("## Models")
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += ["", *_model(name, schema)]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with a fresh part between its marks."""
    return re.sub(
        rf"(?s){re.escape(BEGIN)}.*{re.escape(END)}",
        lambda _match: f"{BEGIN}\n{generated()}\n{END}",
        text,
    )


def _permissions() -> Iterator[str]:
    yield "| permission | to | roles |"
    yield "|---|---|---|"
    for name, words in PERMISSIONS.items():
        roles = ", ".join(role for role, may in ROLES.items() if name in may)
        yield f"| `{name}` | {words} | {roles} |"


def _overview(operations: list[tuple[str, str, Schema]]) -> Iterator[str]:
    yield "| route | who | |"
    yield "|---|---|---|"
    for method, path, operation in operations:
        title = f"{method} {path}"
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        yield f"| [`{title}`](#{anchor}) | {_who(operation)} | {operation['summary']} |"


def _who(operation: Schema) -> str:
    if not operation["security"]:
        return "anybody"
    if permission := operation.get("x-permission"):
        return f"`{permission}`"
    ways = {name for each in operation["security"] for name in each}
    return "a key or a session" if "key" in ways else "a session"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    wanted, wrong = [], []
    for status, answer in operation["responses"].items():
        text = f"{status} {HTTPStatus(int(status)).phrase}"
        if int(status) >= HTTPStatus.BAD_REQUEST:
            wrong.append(status)
        else:
            kinds = [_content(*each) for each in answer.get("content", {}).items()]
            wanted.append(": ".join([text, " or ".join(kinds)]) if kinds else text)
    yield f"### `{method} {path}`"
    who = _who(operation)
    yield f"{operation['summary']} {'Open to' if who == 'anybody' else 'Needs'} {who}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    for parameter in operation.get("parameters", ()):
        needed = "" if parameter["required"] else ", may be left out"
        yield f"| {parameter['in']} `{parameter['name']}` | {_type(parameter['schema'])}{needed} |"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"| body | {_content(kind, content)} |"
    yield f"| answer | {'; '.join(wanted)} |"
    yield f"| errors | {', '.join(wrong) or 'none'} |"


def _content(kind: str, content: Schema) -> str:
    """Return what a body is: a model, or its media type."""
    return _type(content["schema"]) if "$ref" in content["schema"] else f"`{kind}`"


def _model(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name}"
    if words := schema.get("description"):
        yield re.sub(r"(?<!\n)\n(?!\n)", " ", words)
    if "properties" not in schema:
        return
    yield ""
    yield "| field | | |"
    yield "|---|---|---|"
    needed = schema.get("required", ())
    for field, rule in schema["properties"].items():
        default = f"`{rule['default']}` unless said" if rule.get("default") is not None else ""
        yield f"| `{field}` | {_type(rule)} | {'always' if field in needed else default} |"


def _type(schema: Schema) -> str:
    """Return in words what a value is."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema['items'])}{_bounds(schema, 'Items', '')}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    words = {"string": "text", "integer": "whole number", "number": "number", "null": "null"}
    words |= {"boolean": "true or false"}
    said = words.get(str(kind), "anything")
    formats = {"date-time": "time", "uuid": "UUID", "binary": "bytes"}
    said = formats.get(schema.get("format", ""), said)
    rule = schema.get("pattern", "")
    shown = rule if len(rule) <= LONGEST_RULE and not re.search(r"[|`]", rule) else ""
    return (
        said
        + _bounds(schema, "Length", " characters")
        + _bounds(schema, "imum", "")
        + (f" like `{shown}`" if shown else "")
    )


def _bounds(schema: Schema, what: str, unit: str) -> str:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if low is not None and high is not None:
        return f", {low} to {high}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    return f", at least {low}{unit}" if low is not None else ""
