"""The API for faults. It listens on loopback alone: who may do this is on the host already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from chaos.simulator.faults import BadFault, Kind, read_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.simulator.provider import Provider


class Control:
    """`GET|DELETE /faults`, `GET|PUT|DELETE /faults/{provider}`, `GET|DELETE /calls`."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers

    def app(self) -> web.Application:
        """Return it as aiohttp serves it."""
        app = web.Application()
        app.router.add_get("/faults", self._faults)
        app.router.add_delete("/faults", self._clear)
        app.router.add_get("/faults/{provider}", self._fault)
        app.router.add_put("/faults/{provider}", self._set)
        app.router.add_delete("/faults/{provider}", self._clear)
        app.router.add_get("/calls", self._calls)
        app.router.add_delete("/calls", self._forget)
        return app

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response({n: p.faults.documents() for n, p in self._providers.items()})

    async def _fault(self, request: web.Request) -> web.Response:
        return web.json_response({"faults": self._provider(request).faults.documents()})

    async def _set(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        try:
            faults = read_all(json.loads(await request.read()))
        except BadFault as error:
            raise _refused(str(error)) from None
        except ValueError:
            raise _refused("the body is no JSON") from None
        if provider.tls is None and any(fault.kind is Kind.TLS for fault in faults):
            raise _refused(f"{provider.name} is served without TLS: start it with --tls-cert")
        await provider.apply(faults)
        return web.json_response({"faults": provider.faults.documents()})

    async def _clear(self, request: web.Request) -> web.Response:
        one = "provider" in request.match_info
        for provider in [self._provider(request)] if one else self._providers.values():
            await provider.apply([])
        return web.Response(status=204)

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response({n: p.calls.document() for n, p in self._providers.items()})

    async def _forget(self, _request: web.Request) -> web.Response:
        for provider in self._providers.values():
            provider.reset()
        return web.Response(status=204)

    def _provider(self, request: web.Request) -> Provider:
        name = request.match_info["provider"]
        if name not in self._providers:
            raise _refused(f"there is no provider {name}: {', '.join(self._providers)}", 404)
        return self._providers[name]


def _refused(why: str, status: int = 400) -> web.HTTPException:
    made: Any = web.HTTPBadRequest if status == 400 else web.HTTPNotFound  # noqa: PLR2004 -- HTTP's
    answer: web.HTTPException = made(
        text=json.dumps({"error": why}), content_type="application/json"
    )
    return answer
