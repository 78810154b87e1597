"""Hears what other processes say, on a connection of its own: keys, sessions, breakers, agents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
from psycopg.sql import SQL, Identifier

from app import log
from app.access.users import CHANNEL
from app.agents import credentials, store
from app.db import reason
from app.llm import breakerstore

if TYPE_CHECKING:
    from app.access.auth import Authenticator
    from app.agents.hub import Hub
    from app.llm.breakers import Breakers
    from app.settings import Settings

RECONNECT_SECONDS = 1.0
CHANNELS = (CHANNEL, breakerstore.CHANNEL, store.CHANNEL, credentials.CHANNEL)
_log = log.get(__name__)


class Listener:
    """Empties an authenticator's cache as keys change, and tells breakers and agents of others'.

    Lost, keys in memory end at a short time, each process has its breakers to itself, and the hub
    looks for itself what there is.
    """

    def __init__(
        self, settings: Settings, authenticator: Authenticator, breakers: Breakers, hub: Hub
    ) -> None:
        self._settings, self._authenticator = settings, authenticator
        self._breakers, self._hub = breakers, hub

    async def run(self) -> None:
        """Listen until cancelled, whatever becomes of the connection."""
        cache = self._authenticator.cache
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as error:
                if cache.listening:
                    _log.warning("auth.listener_lost", error=reason(error))
            finally:
                cache.listening = False
                self._hub.lost()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with asyncio.timeout(self._settings.database_timeout):
            connection = await psycopg.AsyncConnection.connect(
                self._settings.conninfo(), autocommit=True
            )
        async with connection:
            for channel in CHANNELS:
                await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
            cache = self._authenticator.cache
            cache.doubt()  # what changed while nobody listened is unknown
            cache.listening = True
            self._breakers.connected()
            self._hub.connected()
            _log.info("auth.listening")
            async for note in connection.notifies():
                if note.channel == breakerstore.CHANNEL:
                    self._breakers.heard(note.payload)
                    continue
                if note.channel == CHANNEL:
                    self._authenticator.forget(note.payload)
                self._hub.heard(note.channel, note.payload)
