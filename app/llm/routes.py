"""The gateway's routes: OpenAI's API, its errors included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from app import jsonbody
from app.errors import ApiError
from app.llm import chat
from app.llm.chat import ChatAnswer, ChatRequest, ModelList
from app.llm.failures import Failure, to_client
from app.llm.idempotency import Kept
from app.llm.streaming import TYPE, Streaming
from app.llm.work import Work
from app.parts import GATEWAY, KEY, REQUEST_ID, STARTED
from app.routing import Route, answer

if TYPE_CHECKING:
    from app.llm.attempts import Lease
    from app.llm.gateway import Gateway

MODE = "X-Dash-Stream"
IDEMPOTENCY = "Idempotency-Key"
_MODES = {"": "live", "live": "live", "whole": "whole"}


async def list_models(request: web.Request) -> web.Response:
    """Every model that can be asked, by all its names."""
    return answer(request.app[GATEWAY].models())


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Go on with a conversation, whole or as a stream."""
    gateway = request.app[GATEWAY]
    work = _work(request, gateway)
    name = request.headers.get(IDEMPOTENCY)
    if name is None:
        return await _done(request, gateway, work)
    kept = gateway.replays.begin((work.key.id, name), await request.read())
    if kept is not None:
        return web.Response(body=kept.body, headers={**kept.headers, "x-dash-replayed": "true"})
    work.kept, answered = [], None
    try:
        response = await _done(request, gateway, work)
        if work.outcome == "ok":
            headers = {"Content-Type": response.headers["Content-Type"]}
            answered = Kept(b"".join(work.kept), headers)
        return response
    finally:
        gateway.replays.end((work.key.id, name), answered)


def _work(request: web.Request, gateway: Gateway) -> Work:
    """Return what is asked for. Raises ApiError."""
    if KEY not in request:
        raise ApiError(403, "key_needed", "this is done with a key, not in a session")
    body, size = request[jsonbody.PARSED]
    model = gateway.names.get(body["model"])
    if model is None:
        raise ApiError(404, "model_not_found", "there is no such model", param="model")
    asked = chat.checked(body, size)
    mode = "json"
    if asked.stream:
        said = request.headers.get(MODE, "").lower()
        if said not in _MODES:
            raise ApiError(400, "invalid", f"{MODE} is live or whole")
        mode = _MODES[said]
    return Work(
        asked,
        model,
        request[KEY],
        mode=mode,
        request_id=request[REQUEST_ID],
        started=request[STARTED],
    )


async def _done(request: web.Request, gateway: Gateway, work: Work) -> web.StreamResponse:
    """Do the work and note how it ended, whatever happens."""
    await gateway.reserve(work)
    try:
        with gateway.watch.over(request):
            if work.mode == "json":
                return await _json(gateway, work)
            stream = Streaming(gateway, work, request)
            if work.mode == "live":
                return await stream.live()
            return await stream.whole(gateway.catalog.policy.keep_alive_seconds)
    except Failure as failure:
        work.outcome = failure.kind
        raise to_client(failure) from None
    finally:
        gateway.ended(work)


async def _json(gateway: Gateway, work: Work) -> web.Response:
    async def call(lease: Lease, seconds: float) -> tuple[dict[str, object], bytes]:
        upstream, body = gateway.call(lease, work.chat)
        return await upstream.ask(lease.permit, body, seconds)

    lease, (document, raw) = await gateway.attempts.run(work.model, work.chat, work.trace, call)
    lease.succeed()
    work.usage = chat.usage_of(document) or chat.Usage(
        work.chat.estimate, chat.said(document), exact=False
    )
    work.outcome = "ok"
    if work.kept is not None:
        work.kept.append(raw)
    return web.Response(body=raw, content_type=jsonbody.TYPE, headers=work.headers())


ROUTES = [
    Route(
        method="POST",
        path="/v1/chat/completions",
        handler=chat_completions,
        body=ChatRequest,
        answer=ChatAnswer,
        permission="chat:write",
        errors=(404, 409, 502, 504),
        openai=True,
        quiet=True,  # each is a row of llm_calls, with the request's id
        streams=TYPE,
    ),
    Route(
        method="GET",
        path="/v1/models",
        handler=list_models,
        answer=ModelList,
        permission="models:read",
        openai=True,
    ),
]
