"""The routes of agents: where they connect, and where people see them."""

from __future__ import annotations

from aiohttp import web

from app.access import browser
from app.agents.connection import Socket
from app.agents.credentials import PERMISSION, Credential
from app.agents.models import AgentPage, AgentQuery, AgentView
from app.errors import ApiError, Forbidden
from app.parts import HUB, KEY, PRINCIPAL, SESSION, SETTINGS
from app.routing import Route, answer, query

PROTOCOL = "dash.v1"
READ = "agents:read"


async def connect_agent(request: web.Request) -> web.StreamResponse:
    """Connect an agent by WebSocket: docs/reference/agents.md."""
    browser.own_page(request, needed=SESSION in request)
    said = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    if PROTOCOL not in {each.strip() for each in said.split(",")}:
        raise ApiError(400, "subprotocol", f"connect with the subprotocol {PROTOCOL}")
    s, hub = request.app[SETTINGS], request.app[HUB]
    socket = Socket(PROTOCOL, s.agent_message_bytes, s.agent_heartbeat_seconds)
    connection = hub.admit(socket, _credential(request))
    try:
        await socket.prepare(request)
        await connection.run(request)
    finally:
        hub.left(connection)
    return socket


def _credential(request: web.Request) -> Credential:
    user_id = request[PRINCIPAL].user_id
    if SESSION in request:
        return Credential(user_id=user_id, session=str(request[SESSION].id))
    return Credential(user_id=user_id, key=request[KEY].public_id)


async def list_agents(request: web.Request) -> web.Response:
    """See one's own agents, page by page, or everybody's."""
    page, by = query(request, AgentQuery), request[PRINCIPAL]
    if page.all and not by.may("users:read"):
        raise Forbidden("users:read")
    whose = None if page.all else by.user_id
    found = await request.app[HUB].service.page(whose, page.after, page.limit + 1)
    shown = found[: page.limit]
    following = shown[-1].id if len(found) > page.limit else None
    return answer(AgentPage(agents=[AgentView.of(each) for each in shown], next=following))


async def remove_agent(request: web.Request) -> web.Response:
    """Remove one of one's own agents that is not connected, with all that waits for it."""
    await request.app[HUB].service.delete(request[PRINCIPAL].user_id, request.match_info["name"])
    return web.Response(status=204)


ROUTES = [
    Route(
        method="GET",
        path="/ws",
        handler=connect_agent,
        status=101,
        permission=PERMISSION,
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/v1/agents",
        handler=list_agents,
        query=AgentQuery,
        answer=AgentPage,
        permission=READ,
    ),
    Route(
        method="DELETE",
        path="/v1/agents/{name:[a-z0-9._-]{1,64}}",
        handler=remove_agent,
        status=204,
        permission=PERMISSION,
        errors=(404, 409),
    ),
]
