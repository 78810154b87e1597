"""What happens around every request: id, log line, metrics, headers, errors."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from aiohttp import hdrs, web
from multidict import istr
from secure import Secure

from app import log
from app.errors import CODES, ApiError
from app.parts import LIMIT_HEADERS, OPENAI, QUIET, REQUEST_ID, STARTED
from app.web import problems

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from app.health import Health
    from app.metrics import Metrics
    from app.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    **dict.fromkeys((400, 404, 405, 409, 413, 415, 422), "invalid_request_error"),
}
_QUIET = {"/healthz", "/readyz"}  # asked twice a second by every edge: their lines are debug
_log, _root = log.get(__name__), logging.getLogger()


def security_headers() -> dict[str, str]:
    """Return headers for an API that no browser renders."""
    headers = dict(Secure.with_default_headers().headers)
    return headers | {
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Server": "dash",
    }


def on_prepare(settings: Settings) -> Signal:
    """Return the signal that gives every answer its headers, a stream's too."""
    named = security_headers()
    if settings.expose_version:
        named |= {"X-Dash-Version": settings.version, "X-Dash-Color": settings.color}
    fixed = {istr(name): value for name, value in named.items()}  # hashed once

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in fixed.items():
            response.headers.setdefault(name, value)  # a page says what it loads
        response.headers[hdrs.SERVER] = named["Server"]
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        response.headers.update(request.get(LIMIT_HEADERS, {}))
        response.headers["X-Request-Id"] = request.get(REQUEST_ID, "")

    return prepare


def around(metrics: Metrics, health: Health) -> Middleware:
    """Return the one middleware: everything that leaves passes through it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # What an earlier request of this connection bound must not appear in this one's lines.
        structlog.contextvars.clear_contextvars()
        request[REQUEST_ID] = _request_id(request)
        structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])
        started = request[STARTED] = time.perf_counter()
        with health.request():
            response = await _answer(request, handler)
        if health.draining:
            response.force_close()  # the client's next request goes to another instance
        seconds = time.perf_counter() - started
        took = None if response.status == HTTPStatus.SWITCHING_PROTOCOLS else seconds
        known = "" if request.path in _QUIET else request[REQUEST_ID]
        metrics.answered(_route(request), request.method, response.status, took, known)
        _line(request, response, seconds)
        return response

    return middleware


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _problem(request, error)
    except web.HTTPException as error:
        answer = _problem(request, of_http(error))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:  # noqa: BLE001 -- whatever it is, the client sees the envelope
        _log.exception("request.failed", path=request.path)
        hidden = ApiError(500, "internal", "something went wrong here")
        return _problem(request, hidden)


def of_http(error: web.HTTPException) -> ApiError:
    """Return aiohttp's error as ours; what it says in words stays inside."""
    code, message = CODES.get(error.status, ("error", "the request was not done"))
    return ApiError(error.status, code, message)


def _problem(request: web.Request, error: ApiError) -> web.Response:
    if problems.wanted(request):
        return problems.page(request, error)
    body = openai_error(error) if OPENAI in request else envelope(error, request[REQUEST_ID])
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response(body, status=error.status, headers=headers)


def envelope(error: ApiError, request_id: str) -> dict[str, object]:
    """Return an error as a document."""
    return {"error": {"code": error.code, "message": error.message, "request_id": request_id}}


def openai_error(error: ApiError) -> dict[str, object]:
    """Return an error as OpenAI's clients expect it."""
    return {
        "error": {
            "message": error.message,
            "type": _OPENAI_TYPES.get(error.status, "api_error"),
            "param": error.param or None,
            "code": error.code,
        }
    }


def _route(request: web.Request) -> str:
    """Return the route's template: a label that cannot grow without bound."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def _line(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    noted = QUIET in request and response.status < HTTPStatus.BAD_REQUEST
    if noted and not _root.isEnabledFor(logging.DEBUG):
        return  # even a line that nobody sees costs too much in the gateway
    probed = request.path in _QUIET and response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    write = _log.debug if probed or noted else _log.info
    write(
        "request.answered",
        method=request.method,
        path=request.path,
        route=_route(request),
        status=response.status,
        ms=round(seconds * 1000, 2),
        client=request.remote,
    )
