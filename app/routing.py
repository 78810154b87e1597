"""One route: who may use it, what it takes and gives. The guard holds every request to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app import formbody, jsonbody
from app.access import browser, permissions
from app.access.attempts import network
from app.access.pace import Pace, TooFast
from app.access.principal import Principal
from app.errors import ApiError, Forbidden
from app.parts import (
    ADDRESS_PACE,
    AUTH,
    KEY,
    LIMIT_HEADERS,
    LIMITER,
    OPENAI,
    PAGE,
    PRINCIPAL,
    QUIET,
    SESSION_PACE,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY = web.RequestKey("body", BaseModel)
QUERY = web.RequestKey("query", BaseModel)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A line of the route table; /openapi.json is made of the same.

    `errors` are statuses beyond those that follow from the rest: 401 and 403 of what needs to be
    signed in, 429 of all but probes, 400, 413, 415 and 422 of what takes a body, 422 of a query.
    """

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | None = None  # None: no content, or no JSON
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    open: bool = False  # anybody may
    foreign: bool = False  # and pages of other sites may send people here with a form
    probe: bool = False  # asked all the time by those who watch: neither counted nor limited
    permission: str = ""  # that is needed beyond being signed in
    session: bool = False  # needs a browser's session; a key does not do
    errors: tuple[int, ...] = ()
    media_type: str = jsonbody.TYPE
    streams: str = ""  # the media type of the same as a stream
    quiet: bool = False  # good answers have no line in the log: another record names them
    openai: bool = False  # errors are in OpenAI's form
    page: bool = False  # for people: errors are pages, what is posted is a form with its token

    def defined(self) -> web.RouteDef:
        """Return it as aiohttp takes it, behind the guard."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.quiet:
                request[QUIET] = True
            if self.openai:
                request[OPENAI] = True
            if self.page:
                request[PAGE] = True
            if self.probe:
                return await self.handler(request)
            if self.open:
                await _greet(request, self)
            else:
                await _admit(request, self)
            if self.query is not None:
                request[QUERY] = _query(request, self.query)
            if self.body is not None:
                request[BODY] = await jsonbody.read(request, self.body)
            return await self.handler(request)

        return web.RouteDef(self.method, self.path, guarded, {})

    @property
    def name(self) -> str:
        """The operation's id."""
        return getattr(self.handler, "__name__", "handler")


async def _greet(request: web.Request, route: Route) -> None:
    """Look whether anybody may ask this, from here and this often. Raises ApiError: 403 or 429."""
    if not route.foreign:
        browser.ours(request)
    _count(request, request.app[ADDRESS_PACE], network(browser.address(request)))
    if route.page:
        await browser.own_form(request)


async def _admit(request: web.Request, route: Route) -> None:
    """Find out who calls, and look whether they may.

    A key wins over a cookie: only what a browser sends by itself can be misused by other sites.

    Raises:
        ApiError: 401, 403, 429 or 503.
    """
    if "Authorization" not in request.headers and browser.tokens(request):
        request[PRINCIPAL] = await browser.signed_in(request, page=route.page)
        _count(request, request.app[SESSION_PACE], str(request[PRINCIPAL].user_id))
    else:
        request[PRINCIPAL] = await _with_key(request)
        if route.session or route.page:
            raise ApiError(403, "session_needed", "this is done in a session, not with a key")
    if route.permission and not request[PRINCIPAL].may(route.permission):
        raise Forbidden(route.permission)


def _count(request: web.Request, pace: Pace, who: str) -> None:
    """Count a request that came without a key. Raises TooFast (429)."""
    try:
        request[LIMIT_HEADERS] = pace.count(who)
    except TooFast as error:
        request[LIMIT_HEADERS] = error.headers
        raise


async def _with_key(request: web.Request) -> Principal:
    """Check the key that a request came with, and count the request."""
    said = request.headers.getall("Authorization", [])
    key = await request.app[AUTH].authenticate(said[0] if len(said) == 1 else None)
    limiter = request.app[LIMITER]
    try:
        await limiter.request(key)
    finally:
        request[LIMIT_HEADERS] = limiter.headers(key)
    request[KEY] = key
    return Principal(
        user_id=key.user_id,
        role=key.role,
        permissions=permissions.of_key(key.role, key.permissions),
        key_id=key.id,
        address=browser.address(request),
    )


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    given: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in given:
            raise ApiError(422, "invalid", "a parameter is given twice")
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise jsonbody.invalid(error, "query") from None


def body[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """Return the body that the guard checked."""
    found = request[BODY]
    assert isinstance(found, model)  # noqa: S101 -- the route table names the same model
    return found


async def form[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """Return the form that a page sent. Raises ApiError: the handler shows it again with that."""
    return formbody.validated(model, await formbody.read(request))


def query[M: BaseModel](request: web.Request, model: type[M]) -> M:
    """Return the query that the guard checked."""
    found = request[QUERY]
    assert isinstance(found, model)  # noqa: S101 -- the route table names the same model
    return found


def answer(model: BaseModel, status: int = 200) -> web.Response:
    """Return a model as JSON."""
    return web.json_response(model.model_dump(mode="json"), status=status)
