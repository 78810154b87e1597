"""Questions to an OpenID provider: bounded in time and size, no redirects, JSON or nothing."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from app.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.settings import Settings

CA = "identity_oidc_ca"  # a credential
MOST = 262_144  # bytes of an answer
_CHUNK = 16_384


class Failed(Exception):
    """The provider does not answer as it should; `str()` is one line without what it said."""


class Fetcher:
    """Asks one provider."""

    def __init__(self, settings: Settings, seconds: float) -> None:
        given = settings.optional_credential(CA)
        try:
            self._tls = ssl.create_default_context(cadata=given or None)
        except ssl.SSLError:
            raise SettingsError(f"the credential {CA} holds no certificates in PEM") from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._timeout = ClientTimeout(total=seconds)

    async def ask(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return an answer's object; with a form it is a POST. Raises Failed."""
        method = "GET" if form is None else "POST"
        said = {"Accept": "application/json", **(headers or {})}
        try:
            async with (
                ClientSession(timeout=self._timeout, trust_env=False) as client,
                client.request(
                    method, url, data=form, headers=said, ssl=self._tls, allow_redirects=False
                ) as answer,
            ):
                body = b""
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    body += chunk
                    if len(body) > MOST:
                        raise Failed(f"more than {MOST} bytes from {url}")
                if answer.status != 200:  # noqa: PLR2004 -- the one status that is an answer
                    raise Failed(f"status {answer.status} from {url}")
        except (ClientError, OSError, TimeoutError) as error:
            raise Failed(f"{type(error).__name__} from {url}") from None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Failed(f"no JSON object from {url}")
        return document
