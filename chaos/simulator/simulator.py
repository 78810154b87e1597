"""The three providers and the API for their faults, as one program."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Self

from aiohttp import web

from chaos.simulator.answers import Shape
from chaos.simulator.anthropic import Anthropic
from chaos.simulator.control import Control
from chaos.simulator.openai import OpenAI
from chaos.simulator.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from chaos.simulator.provider import Form

FORMS: dict[str, Callable[[], Form]] = {"openai": OpenAI, "anthropic": Anthropic, "kimi": OpenAI}


class Simulator:
    """Runs between `async with` and its end."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        shape: Shape | None = None,
        seed: int = 0,
        tls: tuple[Path, Path] | None = None,
        keys: Collection[str] = (),
    ) -> None:
        """Take what it is to be.

        Args:
            host: of the providers; the API for faults is on loopback.
            port: of that API; the providers have the next ones in the order of FORMS. 0: any.
            shape: how answers are.
            seed: of everything that is drawn.
            tls: certificate chain and key, in PEM.
            keys: that providers take; none: any.
        """
        self._port = port
        self.providers = {
            name: Provider(
                name,
                form(),
                host=host,
                port=port and port + place,
                shape=shape or Shape(),
                seed=seed,
                tls=_context(tls),
                keys=keys,
            )
            for place, (name, form) in enumerate(FORMS.items(), start=1)
        }
        self._runner = web.AppRunner(Control(self.providers).app(), access_log=None)

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError: a port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        for provider in self.providers.values():
            await provider.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        for provider in self.providers.values():
            await provider.stop()
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """Where the API for faults is."""
        return int(self._runner.addresses[0][1])


def _context(tls: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls)
    return context
