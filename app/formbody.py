"""Bodies of forms: fields as a browser sends them, each read in one way only."""

from __future__ import annotations

from typing import get_origin
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app import jsonbody
from app.errors import CODES, ApiError

TYPE = "application/x-www-form-urlencoded"
TOKEN = "csrf_token"  # noqa: S105 -- the name of a field
MOST_BYTES, MOST_FIELDS = 16_384, 100
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
        raise jsonbody.invalid(error, "form") from None
