"""The keys of an OpenID provider: kept, and asked for again when an unknown one is named."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from joserfc import jws
from joserfc.errors import DecodeError, JoseError
from joserfc.jwk import KeySet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joserfc.jwk import Key

    from app.identity.fetch import Fetcher

KEEP_SECONDS = 3600.0  # keys that were withdrawn count no longer
AGAIN_SECONDS = 5.0  # tokens with made-up keys are no way to make us ask all the time
_TYPES = {"RS256": "RSA", "ES256": "EC"}
LEAST_RSA = 2048  # bits


class Keys:
    """One provider's."""

    def __init__(self, fetch: Fetcher) -> None:
        self._fetch = fetch
        self._keys: list[Key] = []
        self._asked_at = float("-inf")

    async def of(self, token: str, url: str, allowed: Sequence[str]) -> Key:
        """Return the one key that a token names.

        Raises:
            JoseError: the token is none, its algorithm not allowed, or its key not known.
            Failed: the provider does not answer.
        """
        header = jws.extract_compact(token.encode()).headers()
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in allowed:
            raise DecodeError("algorithm")
        now = time.monotonic()
        found = self._find(header.get("kid"), algorithm)
        stale = now >= self._asked_at + KEEP_SECONDS
        if stale or (found is None and now >= self._asked_at + AGAIN_SECONDS):
            await self._ask(url)
            found = self._find(header.get("kid"), algorithm)
        if found is None:
            raise DecodeError("key")
        return found

    def _find(self, kid: object, algorithm: str) -> Key | None:
        """Return the key of a name, or the only one where none is named."""
        fits = [
            key
            for key in self._keys
            if key.key_type == _TYPES[algorithm]
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and (kid is None or key.kid == kid)
        ]
        return fits[0] if len(fits) == 1 else None

    async def _ask(self, url: str) -> None:
        document = await self._fetch.ask(url)
        self._asked_at = time.monotonic()
        try:
            keys = list(KeySet.import_key_set(document))  # type: ignore[arg-type] # what it says is looked at
        except (JoseError, ValueError, KeyError, TypeError):
            keys = []
        self._keys = [key for key in keys if _strong(key)]


def _strong(key: Key) -> bool:
    size = getattr(key.raw_value, "key_size", 0)
    return key.key_type != "RSA" or size >= LEAST_RSA
