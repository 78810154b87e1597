"""Passwords that are set anew with a link that opens once. Owns the transactions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app import log
from app.access import audit, mail, passwords, signup
from app.access.attempts import AttemptRepository, network, subject
from app.access.audit import AuditRepository, Event
from app.access.resettokens import ResetRepository
from app.access.sessions import SessionRepository
from app.access.tokens import at_rest, new_token
from app.access.users import User, UserRepository
from app.errors import ApiError, Unavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from app.access.passwords import Passwords
    from app.access.principal import Caller
    from app.db import Transactions
    from app.settings import Settings

MOST_WAITING = 100  # wishes for mail
FREE_WISHES = 5  # of an account or an address, until one has to wait
PAGE = "/reset"
_ONCE = "It opens once. If you did not ask for this, do nothing.\n"
RESET = (
    "Your new password",
    "Set a new password here:\n\n{}\n\n" + _ONCE,
)
WELCOME = (
    "Your account",
    "Choose a password for your account here:\n\n{}\n\n" + _ONCE,
)
KNOWN = (
    "Your account",
    (
        "Somebody asked for an account with this address, and you have one already. "
        "If it was you and the password is lost, set a new one here:\n\n{}\n\n" + _ONCE
    ),
)
_log = log.get(__name__)


class BadToken(ApiError):
    """The link opens nothing."""

    def __init__(self) -> None:
        super().__init__(403, "bad_token", "the link is unknown, used or too old: ask for another")


def link(settings: Settings, token: str) -> str:
    """Return what opens the page for a new password; what follows # is sent to no server."""
    return f"{settings.public_url}{PAGE}#{token}" if settings.public_url else token


class ResetService:
    """Wishes are answered before anybody is looked up: the answer tells nothing of users."""

    def __init__(self, database: Transactions, settings: Settings, passwords: Passwords) -> None:
        self._database, self._settings, self._passwords = database, settings, passwords
        self._wishes: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue(MOST_WAITING)

    async def sign_up(self, email: str, caller: Caller) -> None:
        """Take a wish for a user; the link to its first password goes by mail.

        Raises:
            ApiError: not here (403), too many of this email or address, known or not (429).
        """
        signup.allowed(self._settings, by_mail=True)
        await self.ask(email, caller, new=True)

    async def ask(self, email: str, caller: Caller, *, new: bool = False) -> None:
        """Take a wish for a link by mail; `new` makes a user when there is none.

        Raises:
            ApiError: too many of this email or address, whether known or not (429).
        """
        pepper, most = self._settings.pepper(), self._settings.lockout_seconds
        subjects = [
            subject(pepper, "reset", f"email {email.lower()}", FREE_WISHES),
            subject(pepper, "reset", f"address {network(caller.address)}", FREE_WISHES),
        ]
        wait = await self._database.run(lambda c: AttemptRepository(c).count(subjects, most))
        if wait > 0:
            raise ApiError(
                429, "too_many_attempts", "too many attempts: wait", retry_after=int(wait) + 1
            )
        if not self._settings.smtp_host:
            return
        try:
            self._wishes.put_nowait((email, caller.address, new))
        except asyncio.QueueFull:
            raise ApiError(429, "busy", "too many mails wait", retry_after=30) from None

    async def run(self) -> None:
        """Mail links, until cancelled."""
        while True:
            email, address, new = await self._wishes.get()
            try:
                await self._mail(email, address, new=new)
            except (mail.NotSent, Unavailable) as error:
                _log.warning("reset.not_sent", why=str(error))
            except Exception:  # noqa: BLE001 -- the next wish is another
                _log.exception("reset.failed")

    async def _mail(self, email: str, address: str, *, new: bool) -> None:
        fresh = None
        if new:
            fresh = await self._database.run(lambda c: signup.make(c, email, address))
        made = await self.make(email, address=address)
        if made is None:
            return
        user, token = made
        subject_line, text = (WELCOME if fresh else KNOWN) if new else RESET
        await mail.send(
            self._settings, user.email, subject_line, text.format(link(self._settings, token))
        )

    async def make(
        self, email: str, address: str = "", actor: str = audit.NOBODY
    ) -> tuple[User, str] | None:
        """Return a user and the token of a link; None when none may come in with a password."""
        token = new_token()

        async def work(connection: AsyncConnection) -> User | None:
            users = UserRepository(connection)
            user = await users.find_by_email(email)
            if user is None or not user.is_active or await users.federated(user.id):
                return None
            seconds = self._settings.reset_seconds
            await ResetRepository(connection).create(user.id, at_rest(token), seconds)
            await AuditRepository(connection).add(
                Event(
                    action="password_link",
                    actor=actor,
                    target=f"user:{user.id}",
                    address=address,
                )
            )
            return user

        user = await self._database.run(work)
        return None if user is None else (user, token)

    async def confirm(self, token: str, password: str, caller: Caller) -> None:
        """Set a password; all sessions end and what was tried in vain is forgotten.

        Raises:
            ApiError: a token that opens nothing (403), a weak password (422), too many wait (429).
        """
        kept = at_rest(token)
        email = await self._database.run(lambda c: ResetRepository(c).email(kept))
        if email is None:
            raise BadToken
        passwords.check(password, email)
        made = await self._passwords.hashed(password)
        pepper = self._settings.pepper()

        async def work(connection: AsyncConnection) -> bool:
            user_id = await ResetRepository(connection).use(kept)
            if user_id is None or not await UserRepository(connection).set_password(user_id, made):
                return False
            ended = await SessionRepository(connection).end_all(user_id)
            await AttemptRepository(connection).forgive(subject(pepper, "account", email, 1))
            await AuditRepository(connection).add(
                Event(
                    action="password_reset",
                    actor=f"user:{user_id}",
                    target=f"user:{user_id}",
                    address=caller.address,
                    detail={"sessions_ended": ended},
                )
            )
            return True

        if not await self._database.run(work):
            raise BadToken
