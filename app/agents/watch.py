"""Looks again at keys and sessions that connections came in with, when they may have changed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psycopg

from app import log
from app.agents import credentials, ending
from app.agents.credentials import CredentialRepository
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.agents.credentials import Credential
    from app.agents.roll import Roll
    from app.db import Transactions
    from app.settings import Settings

AGAIN_SECONDS = 0.5
SECONDS = 2.0  # for one look
_log = log.get(__name__)


class Watch:
    """What was doubted is looked at once, for all connections that it let in."""

    def __init__(self, database: Transactions, settings: Settings, roll: Roll) -> None:
        self._database, self._settings, self._roll = database, settings, roll
        self._doubted: set[Credential] = set()
        self._wake = asyncio.Event()

    def doubt(self) -> None:
        """Look at all."""
        self._doubt(set(self._roll.by_credential))

    def doubt_one(self, credential: Credential) -> None:
        """Look at one."""
        self._doubt({credential})

    def changed(self, channel: str, payload: str) -> None:
        """Look at what a note of another process names."""
        kind, _, user = payload.partition(" ")
        held = self._roll.by_credential
        if channel != credentials.CHANNEL:
            self._doubt({each for each in held if each.key == payload})
        elif kind == "user":
            self._doubt({each for each in held if str(each.user_id) == user})
        else:
            self._doubt({each for each in held if each.session == payload})

    def _doubt(self, found: set[Credential]) -> None:
        if found:
            self._doubted |= found
            self._wake.set()

    async def run(self) -> None:
        """Look when there is something to look at, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.look()
            except (Unavailable, psycopg.Error) as error:
                if not isinstance(error, Unavailable):
                    _log.error("agents.not_looked_at", error=type(error).__name__)
                self._wake.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def look(self) -> None:
        """Look once, and end what counts no more. Raises Unavailable; nothing is forgotten then."""
        doubted, self._doubted = self._doubted, set()
        idle = self._settings.session_idle_seconds
        try:
            found = await self._database.run(
                lambda c: CredentialRepository(c).look(doubted, idle), SECONDS
            )
        except BaseException:
            self._doubted |= doubted
            raise
        for credential, standing in found.items():
            ends_at = None if standing.ends_in is None else time.monotonic() + standing.ends_in
            for connection in list(self._roll.by_credential.get(credential, ())):
                connection.ends_at = ends_at
                if standing.word:
                    connection.end(ending.revoked(standing.word))
