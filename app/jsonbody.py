"""Bodies of requests: JSON that can be read in one way only."""

from __future__ import annotations

import json
from typing import Any, Never

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app.errors import ApiError

DEEPEST = 32  # objects and lists in each other
TYPE = "application/json"
PARSED = web.RequestKey("parsed", tuple[Any, int])  # what a body says, and its bytes


def malformed(what: str) -> ApiError:
    """Return the error for a body that is no JSON, or JSON that programs read differently."""
    return ApiError(400, "malformed", f"the body is not JSON as it should be: {what}")


async def read[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """Return a request's body as a model.

    Raises:
        ApiError: it is of another type (415), cannot be read (400) or is not what is wanted (422).
        HTTPException: it is too large (413).
    """
    charset = (request.charset or "utf-8").lower()
    if request.content_type != TYPE or charset != "utf-8":
        raise ApiError(415, "unsupported_media_type", f"send {TYPE} in UTF-8")
    body = await request.read()
    request[PARSED] = check(body), len(body)
    return validated(model, body)


def check(body: bytes) -> Any:  # noqa: ANN401 -- whatever it is
    """Return what a body says. Refuse what the validation would let pass or would not say clearly.

    Raises:
        ApiError: it is no JSON, names a member twice, or is nested too deep (400).
    """
    try:
        parsed = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except RecursionError:
        raise malformed(f"it is nested deeper than {DEEPEST}") from None
    except UnicodeDecodeError:
        raise malformed("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise malformed(f"{error.msg.lower()} at character {error.pos}") from None
    except ValueError:  # a number with thousands of digits
        raise malformed("a number is too long") from None
    _measure(parsed)
    return parsed


def validated[M: BaseModel](model: type[M], body: bytes) -> M:
    """Return JSON as a model. Raises ApiError (422)."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error, "body") from None


def invalid(error: ValidationError, whole: str) -> ApiError:
    """Return the first fault as one line; what was sent is not repeated."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:100] or whole
    words = first["msg"].removeprefix("Value error, ")
    where = _plain(where)
    return ApiError(422, "invalid", f"{where}: {words[0].lower()}{words[1:]}", param=where)


def _plain(text: str) -> str:
    """Return text that cannot mislead in a log or a terminal: names come from the client."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("a member is named twice")
    return found


def _no_number(name: str) -> Never:
    raise malformed(f"{name} is no number")


def _measure(parsed: object) -> None:
    level, depth = [parsed], 0
    while level := [x for x in level if isinstance(x, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise malformed(f"it is nested deeper than {DEEPEST}")
        level = [y for x in level for y in (x.values() if isinstance(x, dict) else x)]
