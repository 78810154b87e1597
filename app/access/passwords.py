"""Passwords: what one may be, and bcrypt in threads of its own, with a bound to what waits."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bcrypt

from app.access import hashing
from app.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST, LONGEST = 12, 128  # characters, after normalising
MOST_WAITING = 16  # checks; beyond them a caller is told to come back
COMMON = Path(__file__).with_name("common_passwords.txt")
_TAIL = re.compile(r"[\W\d_]{1,6}\Z")


class WeakPassword(ApiError):
    """It would be guessed."""

    def __init__(self, why: str) -> None:
        super().__init__(422, "weak_password", f"the password {why}")


def normal(password: str) -> str:
    """Return the one form of a password that keyboards write differently."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, email: str) -> None:
    """Hold a new password against the rules. Raises WeakPassword."""
    made = normal(password)
    if not SHORTEST <= len(made) <= LONGEST:
        raise WeakPassword(f"must have {SHORTEST} to {LONGEST} characters")
    plain = made.casefold()
    if plain in (email.casefold(), email.casefold().partition("@")[0]):
        raise WeakPassword("must not be the email address")
    if {plain, _TAIL.sub("", plain), _unit(plain)} & _common() or len(set(plain)) == 1:
        raise WeakPassword("is one of those that are tried first")


def _unit(text: str) -> str:
    """Return what a text repeats: pass for passpasspass."""
    return text[: (text + text).find(text, 1)]


@cache
def _common() -> frozenset[str]:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def _dummy(cost: int) -> str:
    """Return a hash that nothing has: checking against it takes as long as against a real one."""
    return bcrypt.gensalt(cost).decode() + "." * 31


class Passwords:
    """Makes and checks hashes. One per process."""

    def __init__(self, threads: int, nice: int = 0) -> None:
        self._threads = hashing.threads(threads, nice, "password")
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """Return the bcrypt hash of a new password. Raises ApiError: too many wait (429)."""
        return await self._do(lambda: hashing.at_rest(normal(password)))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Tell whether it is the password; takes as long when there is none.

        Raises:
            ApiError: too many wait (429).
        """
        against = kept or _dummy(hashing.COST)
        right = await self._do(lambda: hashing.matches(normal(password), against))
        return right and kept is not None

    async def _do[T](self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise ApiError(429, "busy", "too many passwords are being checked", retry_after=2)
        self._waiting += 1
        try:
            task = asyncio.get_running_loop().run_in_executor(self._threads, work)
            task.add_done_callback(self._done)
        except RuntimeError:  # the threads are gone: the process ends
            self._waiting -= 1
            raise
        # A client that goes away does not free the thread: what waits is counted until it is done.
        return await asyncio.shield(task)

    def _done(self, ended: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not ended.cancelled():
            ended.exception()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
