"""Bodies of forms: fields as a browser sends them, each read in one way only."""

from __future__ import annotations

from typing import get_origin
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app.errors import CODES, ApiError

TYPE = "application/x-www-form-urlencoded"
TOKEN = "csrf_token"  # noqa: S105 -- the name of a field
MOST_BYTES, MOST_FIELDS = 16_384, 100
WORDS = {
    "missing": "is missing",
    "string_too_short": "is missing",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "is not written as it has to be",
}
FIELDS = web.RequestKey("fields", dict[str, list[str]])


async def read(request: web.Request) -> dict[str, list[str]]:
    """Return the fields of a request's form, each with its values.

    Raises:
        ApiError: it is of another type (415), too large (413) or cannot be read (400).
    """
    if FIELDS in request:
        return request[FIELDS]
    if request.content_type != TYPE or (request.charset or "utf-8").lower() != "utf-8":
        raise ApiError(415, "unsupported_media_type", f"send {TYPE} in UTF-8")
    body = await request.read()
    if len(body) > MOST_BYTES:
        raise ApiError(413, *CODES[413])
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise ApiError(400, "malformed", "the form cannot be read") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    request[FIELDS] = fields
    return fields


async def token(request: web.Request) -> str:
    """Return what a form says to be from a page of ours; nothing when it says it twice."""
    said = (await read(request)).get(TOKEN, [])
    return said[0] if len(said) == 1 else ""


def validated[M: BaseModel](model: type[M], fields: dict[str, list[str]]) -> M:
    """Return fields as a model; lists take a field several times. Raises ApiError (422)."""
    given: dict[str, str | list[str]] = {}
    for name, values in fields.items():
        if name == TOKEN:
            continue
        field = model.model_fields.get(name)
        many = field is not None and get_origin(field.annotation) is list
        if not many and len(values) > 1:
            raise ApiError(422, "invalid", "a field is given twice")
        given[name] = values if many else values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> ApiError:
    """Return the first fault as a person reads it; what was typed is not repeated."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return ApiError(422, "invalid", "the form has a field that is not asked for")
    words = WORDS.get(first["type"], "is none of what can be chosen")
    return ApiError(422, "invalid", f"{name.replace('_', ' ')} {words}", param=name)
