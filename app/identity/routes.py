"""The ways to identity providers and back. Where none is configured there is nothing here."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import web

from app.access import browser
from app.errors import ApiError, NotFound
from app.identity import flow
from app.identity.flow import BadAnswer, BadFlow
from app.parts import FEDERATION, SESSIONS, SETTINGS
from app.routing import Route

if TYPE_CHECKING:
    from app.access.sessionservice import Begun
    from app.identity.flow import Flow
    from app.identity.people import Proof
    from app.identity.saml import Asserted, SamlProvider

HOME = "/"
PAGE = "/sign-in"  # where people sign in
_LONGEST = 4096  # characters of a parameter


async def oidc_begin(request: web.Request) -> web.Response:
    """Go to the OpenID provider."""
    provider = request.app[FEDERATION].oidc
    if provider is None:
        raise NotFound("way to sign in")
    way, cookie = flow.begin("oidc", request.app[SETTINGS].pepper())
    try:
        response = _to(await provider.address(way))
    except ApiError as error:
        return _failed(error)
    flow.remember(response, "oidc", cookie, "Lax")
    return response


async def oidc_back(request: web.Request) -> web.Response:
    """Come back from the OpenID provider: a session begins."""
    provider = request.app[FEDERATION].oidc
    if provider is None:
        raise NotFound("way to sign in")
    try:
        way = await _resumed(request, "oidc", _one(request, "state"))
        issuer = _one(request, "iss") if "iss" in request.query else None
        proof = await provider.prove(way, _code(request), issuer)
        begun = await _begun(request, proof)
    except ApiError as error:
        return await _refused(request, "oidc", error)
    return _signed_in(request, begun, "oidc", "Lax")


async def saml_begin(request: web.Request) -> web.Response:
    """Go to the SAML provider."""
    provider = _saml(request)
    way, cookie = flow.begin("saml", request.app[SETTINGS].pepper())
    response = _to(provider.address(way))
    # The provider makes the browser send a form from its own page: only None comes along.
    flow.remember(response, "saml", cookie, "None")
    return response


async def saml_back(request: web.Request) -> web.Response:
    """Come back from the SAML provider with a form: a session begins."""
    provider = _saml(request)
    try:
        form = await _form(request)
        way = await _resumed(request, "saml", form.get("RelayState", ""))
        found = await provider.prove(way, form.get("SAMLResponse", ""))
        await _once(request, found)
        begun = await _begun(request, found.proof)
    except ApiError as error:
        return await _refused(request, "saml", error)
    return _signed_in(request, begun, "saml", "None")


async def saml_metadata(request: web.Request) -> web.Response:
    """What the SAML provider has to know of this service."""
    text = _saml(request).metadata()
    return web.Response(text=text, content_type="application/samlmetadata+xml")


async def _once(request: web.Request, found: Asserted) -> None:
    """Use an assertion up. Raises BadAnswer: it was, in whatever process."""
    if not await request.app[SESSIONS].use(f"saml {found.assertion}", found.seconds):
        raise BadAnswer("replayed")


def _saml(request: web.Request) -> SamlProvider:
    provider = request.app[FEDERATION].saml
    if provider is None:
        raise NotFound("way to sign in")
    return provider


async def _form(request: web.Request) -> dict[str, str]:
    """Return a form's fields, each there once. Raises BadFlow."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadFlow
    found = await request.post()
    fields = {name: value for name, value in found.items() if isinstance(value, str)}
    if len(fields) != len(found):
        raise BadFlow
    return fields


async def _resumed(request: web.Request, provider: str, state: str) -> Flow:
    """Return the flow that this browser began, and use it up. Raises BadFlow."""
    cookie = request.cookies.get(flow.name(provider), "")
    way = flow.resume(provider, request.app[SETTINGS].pepper(), cookie)
    if not hmac.compare_digest(state.encode(), way.secret("state").encode()):
        raise BadFlow
    if not await request.app[SESSIONS].use(f"{provider} {way.seed}", flow.SECONDS + 60):
        raise BadFlow
    return way


async def _begun(request: web.Request, proof: Proof) -> Begun:
    return await request.app[SESSIONS].sign_in_as(
        proof, browser.caller(request), browser.tokens(request)
    )


def _one(request: web.Request, name: str) -> str:
    """Return a parameter that is there once. Raises BadFlow."""
    found = request.query.getall(name, [])
    if len(found) != 1 or not 0 < len(found[0]) <= _LONGEST:
        raise BadFlow
    return found[0]


def _code(request: web.Request) -> str:
    if "error" in request.query:
        raise ApiError(403, "denied", "the identity provider did not sign you in")
    return _one(request, "code")


def _signed_in(request: web.Request, begun: Begun, provider: str, same_site: str) -> web.Response:
    response = _to(HOME)
    browser.remember(response, begun, request.app[SETTINGS].session_seconds)
    flow.remember(response, provider, "", same_site)
    return response


async def _refused(request: web.Request, provider: str, error: ApiError) -> web.Response:
    """Note what proves nothing; who is known and may not come in was noted with the attempt."""
    why = getattr(error, "why", "")
    if why or isinstance(error, BadFlow) or error.code == "denied":
        said = f"{error.code} {why}".strip()
        await request.app[SESSIONS].refuse(provider, browser.caller(request), said)
    return _failed(error)


def _failed(error: ApiError) -> web.Response:
    """Send somebody back to where people sign in, with a code that the page has words for."""
    return _to(f"{PAGE}?error={error.code}")


def _to(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address})


ROUTES = [
    Route(
        method="GET",
        path="/sign-in/oidc",
        handler=oidc_begin,
        status=303,
        open=True,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/sign-in/oidc/callback",
        handler=oidc_back,
        status=303,
        open=True,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/sign-in/saml",
        handler=saml_begin,
        status=303,
        open=True,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/sign-in/saml/acs",
        handler=saml_back,
        status=303,
        open=True,
        foreign=True,
        errors=(404, 413),
    ),
    Route(
        method="GET",
        path="/sign-in/saml/metadata",
        handler=saml_metadata,
        open=True,
        media_type="application/samlmetadata+xml",
        errors=(404,),
    ),
]
