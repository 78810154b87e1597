"""What happens around every request: id, log line, metrics, headers, errors."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from secure import Secure

from app import log
from app.errors import ApiError, envelope
from app.metrics import Metrics
from app.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = web.RequestKey("request_id", str)
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = {"/healthz", "/readyz"}  # asked twice a second by the edge: no line each
_log = log.get(__name__)


def _security_headers() -> dict[str, str]:
    """Headers for an API that no browser renders."""
    headers = dict(Secure.with_default_headers().headers)
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers.pop("Server", None)
    return headers


def _route(request: web.Request) -> str:
    """Return the route's template: a label that cannot grow without bound."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def _as_api_error(error: web.HTTPException) -> ApiError:
    phrase = HTTPStatus(error.status).phrase
    return ApiError(error.status, phrase.lower().replace(" ", "_"), phrase.lower())


def around(settings: Settings, metrics: Metrics) -> Middleware:
    """Return the one middleware: everything that leaves passes through it."""
    fixed = {**_security_headers(), "X-Dash-Version": settings.version,
             "X-Dash-Color": settings.color, "Server": "dash"}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A keep-alive connection is one task: what the last request bound is still there.
        structlog.contextvars.clear_contextvars()
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16)
        request[REQUEST_ID] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        metrics.in_flight.inc()
        try:
            response = await _answer(request, handler, request_id)
        finally:
            metrics.in_flight.dec()
        seconds = time.perf_counter() - started
        _finish(request, response, request_id, seconds)
        return response

    async def _answer(request: web.Request, handler: Handler,
                      request_id: str) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return envelope(error, request_id)
        except web.HTTPException as error:
            answer = envelope(_as_api_error(error), request_id)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer
        except Exception:
            _log.exception("request.failed", path=request.path)
            return envelope(ApiError(500, "internal", "something went wrong here"), request_id)

    def _finish(request: web.Request, response: web.StreamResponse, request_id: str,
                seconds: float) -> None:
        response.headers.update(fixed)
        response.headers["X-Request-Id"] = request_id
        route = _route(request)
        metrics.requests.labels(route, request.method, str(response.status)).inc()
        metrics.seconds.labels(route, request.method).observe(seconds)
        if request.path not in _QUIET or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.info("request.answered", method=request.method, path=request.path, route=route,
                      status=response.status, ms=round(seconds * 1000, 2),
                      client=request.remote)

    return middleware
