"""An OpenID Connect provider: where people are sent, and what its tokens are worth."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError

from app import log
from app.errors import Unavailable
from app.identity.fetch import Failed, Fetcher
from app.identity.flow import BadAnswer
from app.identity.jwks import Keys
from app.identity.people import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.identity.config import Oidc
    from app.identity.flow import Flow
    from app.settings import Settings

SECRET = "identity_oidc_secret"  # noqa: S105 -- a credential's name  # pragma: allowlist secret
CALLBACK = "/sign-in/oidc/callback"
DISCOVERY_SECONDS = 3600.0
LONGEST_SUBJECT = 255
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_log = log.get(__name__)


class OidcProvider:
    """One provider. Authorization code with PKCE, and no other flow."""

    def __init__(self, config: Oidc, settings: Settings) -> None:
        self._config, self._secret = config, settings.credential(SECRET)
        self._redirect = settings.public_url + CALLBACK
        self._fetch = Fetcher(settings, config.seconds)
        self._keys = Keys(self._fetch)
        self._found: dict[str, Any] = {}
        self._found_until = 0.0

    async def address(self, flow: Flow) -> str:
        """Return where to send a browser. Raises Unavailable."""
        challenge = hashlib.sha256(flow.secret("verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._config.scopes),
            "state": flow.secret("state"),
            "nonce": flow.secret("nonce"),
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        try:
            endpoint = str((await self._discovered())["authorization_endpoint"])
        except Failed as error:
            raise _away(error) from None
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def prove(self, flow: Flow, code: str, issuer: str | None) -> Proof:
        """Return what a code stands for.

        Args:
            flow: of the browser that came back.
            code: that it brought.
            issuer: that it says it comes from, after RFC 9207; None where it says nothing.

        Raises:
            BadAnswer: nothing, or not for us.
            Unavailable: the provider does not answer.
        """
        if issuer is not None and issuer != self._config.issuer:
            raise BadAnswer("issuer")
        try:
            found = await self._discovered()
            answer = await self._exchange(found, flow, code)
            claims = await self._verified(found, str(answer.get("id_token", "")), flow)
            if "userinfo_endpoint" in found and not self._complete(claims):
                claims = await self._asked(found, answer, claims) | claims
        except Failed as error:
            raise _away(error) from None
        return self._proof(claims)

    def _complete(self, claims: Mapping[str, Any]) -> bool:
        needed = {self._config.email, "email_verified"}
        return needed | ({self._config.groups} if self._config.roles else set()) <= set(claims)

    def _proof(self, claims: Mapping[str, Any]) -> Proof:
        groups = claims.get(self._config.groups, [])
        named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Proof(
            provider="oidc",
            subject=f"{self._config.issuer} {claims['sub']}",
            email=str(claims.get(self._config.email, "")),
            verified=claims.get("email_verified") is True,
            role=self._config.role([each for each in named if isinstance(each, str)]),
            link=self._config.link,
        )

    async def _discovered(self) -> dict[str, Any]:
        """Return the provider's own description. Raises Failed."""
        if time.monotonic() >= self._found_until:
            base = self._config.issuer.rstrip("/")
            found = await self._fetch.ask(f"{base}/.well-known/openid-configuration")
            if found.get("issuer") != self._config.issuer:
                raise Failed("its description names another issuer: see oidc.issuer")
            secure = urlsplit(self._config.issuer).scheme
            for name in (*_ENDPOINTS, *({"userinfo_endpoint"} & set(found))):
                if urlsplit(str(found.get(name, ""))).scheme not in ("https", secure):
                    raise Failed(f"its description has no {name} with https://")
            self._found, self._found_until = found, time.monotonic() + DISCOVERY_SECONDS
        return self._found

    async def _exchange(self, found: Mapping[str, Any], flow: Flow, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": flow.secret("verifier"),
        }
        headers = {}
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            pair = f"{quote(self._config.client_id, '')}:{quote(self._secret, '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._config.client_id, "client_secret": self._secret}
        try:
            return await self._fetch.ask(str(found["token_endpoint"]), form=form, headers=headers)
        except Failed as error:
            if "status 4" in str(error):  # the code is none, or was used
                raise BadAnswer("code") from None
            raise

    async def _verified(self, found: Mapping[str, Any], token: str, flow: Flow) -> dict[str, Any]:
        """Return an ID token's claims, when all of it is as it should be. Raises BadAnswer."""
        config = self._config
        allowed = list(config.algorithms)
        try:
            key = await self._keys.of(token, str(found["jwks_uri"]), allowed)
            claims = jwt.decode(token, key, algorithms=allowed).claims
            jwt.JWTClaimsRegistry(
                leeway=int(config.skew_seconds),
                iss={"essential": True, "value": config.issuer},
                sub={"essential": True},
                aud={"essential": True, "value": config.client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": flow.secret("nonce")},
            ).validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise BadAnswer(getattr(error, "claim", "") or type(error).__name__) from None
        audience, party = claims["aud"], claims.get("azp")
        if party is None and isinstance(audience, list) and len(audience) > 1:
            raise BadAnswer("azp")
        if party is not None and party != config.client_id:
            raise BadAnswer("azp")
        if not 1 <= len(claims["sub"]) <= LONGEST_SUBJECT:
            raise BadAnswer("sub")
        return claims

    async def _asked(
        self, found: Mapping[str, Any], answer: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what the provider tells beyond the token, of the same person."""
        headers = {"Authorization": f"Bearer {answer.get('access_token', '')}"}
        more = await self._fetch.ask(str(found["userinfo_endpoint"]), headers=headers)
        if more.get("sub") != claims["sub"]:
            raise BadAnswer("userinfo")
        return more


def _away(error: Failed) -> Unavailable:
    _log.error("identity.oidc_failed", why=str(error))
    return Unavailable("the identity provider does not answer")
