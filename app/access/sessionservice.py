"""People sign up, sign in and out, and change their password. Owns the transactions."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from app.access import audit, passwords, signup, tokens
from app.access.attempts import AttemptRepository, Subject, network, subject
from app.access.audit import AuditRepository, Event
from app.access.resettokens import ResetRepository
from app.access.sessions import Session, SessionRepository
from app.access.users import Credentials, User, UserRepository
from app.errors import ApiError, Conflict, NotFound, Unauthorized, Unavailable
from app.identity.people import IdentityRepository, Proof, admit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from app.access.passwords import Passwords
    from app.access.principal import Caller, Principal
    from app.db import Transactions
    from app.settings import Settings

PURGE_SECONDS = 900.0  # between two looks for what is over
FREE_SIGN_UPS = 10  # of an address
OVER = "the session is over: sign in again"
WRONG = "email or password is wrong"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A new session. `token` is given to the browser and kept nowhere."""

    token: str = field(repr=False)
    session: Session


class Directory(Protocol):
    """Knows people by passwords that are not kept here."""

    async def prove(self, login: str, password: str) -> Proof | None:
        """Return what it says of a person, None when login or password is wrong.

        Raises:
            Unavailable: it does not answer.
        """
        ...


class SessionService:
    """Sessions and passwords. What is known of users shows in no answer, nor in the work for it."""

    def __init__(
        self,
        database: Transactions,
        settings: Settings,
        passwords: Passwords,
        directory: Directory | None = None,
    ) -> None:
        self._database, self._settings, self.passwords = database, settings, passwords
        self._pepper, self._directory = settings.pepper(), directory

    async def sign_up(self, email: str, password: str, caller: Caller) -> User:
        """Make a user with a password, where nothing is mailed: who is known shows in the answer.

        Raises:
            ApiError: not here (403), taken (409), a weak password (422), too many (429).
        """
        signup.allowed(self._settings, by_mail=False)
        email = email.lower()
        passwords.check(password, email)
        await self._count([self._subject("sign_up", network(caller.address), FREE_SIGN_UPS)])
        made = await self.passwords.hashed(password)

        async def work(connection: AsyncConnection) -> User:
            user = await signup.make(connection, email, caller.address)
            if user is None:
                raise Conflict("there is a user with this email already")
            await UserRepository(connection).set_password(user.id, made)
            return user

        return await self._database.run(work)

    async def sign_in(
        self, email: str, password: str, caller: Caller, old: Sequence[str] = ()
    ) -> Begun:
        """Begin a session; those whose tokens the browser had end.

        Raises:
            ApiError: wrong (401), or too many attempts (429).
        """
        subjects = self._subjects(email, caller)
        known, right = await self._verified(email, password, subjects)
        if not right and self._directory is not None:
            # The attempt counts whatever comes of it: while the directory is away, an answer that
            # cost nothing would let anybody guess at local passwords.
            proof = await self._directory.prove(email, password)
            if proof is not None:
                return await self.sign_in_as(proof, caller, old, subjects)

        async def work(connection: AsyncConnection) -> Begun | None:
            if known is None or not (
                right and await UserRepository(connection).still(known.id, known.password_hash)
            ):
                who = known.id if known else None
                event = _event("sign_in", who, caller, "refused")
                await AuditRepository(connection).add(event)
                return None
            await _forgive(connection, subjects)
            return await self._begin(connection, known.id, caller, old)

        begun = await self._database.run(work)
        if begun is None:
            raise Unauthorized(WRONG)
        return begun

    async def sign_in_as(
        self,
        proof: Proof,
        caller: Caller,
        old: Sequence[str] = (),
        subjects: Sequence[Subject] = (),
    ) -> Begun:
        """Begin a session of somebody for whom an identity provider vouches.

        Raises:
            Refused: they do not come in.
        """

        async def work(connection: AsyncConnection) -> Begun | ApiError:
            try:
                async with connection.transaction():
                    user = await admit(connection, proof)
            except ApiError as error:
                await _refuse(connection, proof.provider, caller, error.code)
                return error
            if subjects:
                await _forgive(connection, subjects)
            return await self._begin(connection, user.id, caller, old, provider=proof.provider)

        begun = await self._database.run(work)
        if isinstance(begun, ApiError):
            raise begun
        return begun

    async def refuse(self, provider: str, caller: Caller, why: str) -> None:
        """Note that somebody came from a provider with what proves nothing."""
        await self._database.run(lambda c: _refuse(c, provider, caller, why))

    async def use(self, what: str, seconds: float) -> bool:
        """Use something up that counts once in all processes; False when it was used."""
        return await self._database.run(lambda c: IdentityRepository(c).use(what, seconds))

    async def _begin(
        self,
        connection: AsyncConnection,
        user_id: UUID,
        caller: Caller,
        old: Sequence[str],
        **detail: Any,  # noqa: ANN401 -- whatever JSON can say
    ) -> Begun:
        token, sessions = tokens.new_token(), SessionRepository(connection)
        replaced = await sessions.replaced([tokens.at_rest(each) for each in old])
        session = await sessions.create(
            user_id,
            token_hash=tokens.at_rest(token),
            seconds=self._settings.session_seconds,
            address=caller.address,
            agent=caller.agent,
        )
        if replaced:
            detail["replaced"] = replaced
        event = _event("sign_in", user_id, caller, **{"session": str(session.id), **detail})
        await AuditRepository(connection).add(event)
        return Begun(token=token, session=session)

    async def find(self, token: str) -> Session:
        """Return the session of a token. Raises Unauthorized."""
        idle = self._settings.session_idle_seconds
        found = None
        if len(token) == tokens.LENGTH and token.isascii():
            found = await self._database.run(
                lambda c: SessionRepository(c).find(tokens.at_rest(token), idle)
            )
        if found is None:
            raise Unauthorized(OVER)
        return found

    async def list(self, by: Principal, after: UUID | None, limit: int) -> list[Session]:
        """Return a page of one's own sessions."""
        idle = self._settings.session_idle_seconds
        return await self._database.run(
            lambda c: SessionRepository(c).list(by.user_id, idle, after, limit)
        )

    async def end(self, by: Principal, session_id: UUID) -> None:
        """End one of one's own sessions. Raises NotFound."""

        async def work(connection: AsyncConnection) -> None:
            if not await SessionRepository(connection).end(by.user_id, session_id):
                raise NotFound("session")
            event = audit.by(by, "sign_out", f"session:{session_id}")
            await AuditRepository(connection).add(event)

        await self._database.run(work)

    async def end_all(self, by: Principal) -> int:
        """End all of one's own sessions and return how many they were."""

        async def work(connection: AsyncConnection) -> int:
            ended = await SessionRepository(connection).end_all(by.user_id)
            event = audit.by(by, "sign_out", f"user:{by.user_id}", sessions=ended)
            await AuditRepository(connection).add(event)
            return ended

        return await self._database.run(work)

    async def change_password(
        self, by: Principal, email: str, current: str, new: str, caller: Caller
    ) -> None:
        """Change one's own password; all other sessions end.

        Raises:
            ApiError: the current one is wrong (403), the new one weak (422), too many tries (429).
        """
        passwords.check(new, email)
        subjects = self._subjects(email, caller)
        known, right = await self._verified(email, current, subjects)
        made = await self.passwords.hashed(new) if right else ""

        async def work(connection: AsyncConnection) -> bool:
            log, users = AuditRepository(connection), UserRepository(connection)
            target = f"user:{by.user_id}"
            if known is None or not right or not await users.still(known.id, known.password_hash):
                event = audit.by(by, "password_change", target)
                await log.add(_refused(event))
                return False
            await users.set_password(known.id, made)
            ended = await SessionRepository(connection).end_all(known.id, but=by.session_id)
            await _forgive(connection, subjects)
            await log.add(audit.by(by, "password_change", target, sessions_ended=ended))
            return True

        if not await self._database.run(work):
            raise ApiError(403, "wrong_password", "the current password is wrong")

    def csrf(self, session_id: UUID) -> str:
        """Return what a page of ours sends along, and a page of others cannot know."""
        return self._proof(f"csrf:{session_id}")

    def form_token(self, nonce: str) -> str:
        """Return the same for who is not signed in, bound to what the browser was given."""
        return self._proof(f"form:{nonce}")

    def _proof(self, of: str) -> str:
        made = hmac.new(self._pepper.encode(), of.encode("utf-8", "replace"), hashlib.sha256)
        return made.hexdigest()

    async def run(self) -> None:
        """Clear up now and then, until cancelled."""
        while True:
            await asyncio.sleep(PURGE_SECONDS)
            try:
                await self.purge()
            except Unavailable:
                continue

    async def purge(self) -> None:
        """Remove sessions and attempts that count no more."""
        idle = self._settings.session_idle_seconds

        async def work(connection: AsyncConnection) -> None:
            await SessionRepository(connection).purge(idle)
            await AttemptRepository(connection).purge()
            await ResetRepository(connection).purge()
            await IdentityRepository(connection).purge()

        await self._database.run(work)

    async def _verified(
        self, email: str, password: str, subjects: Sequence[Subject]
    ) -> tuple[Credentials | None, bool]:
        """Count an attempt, and return who it would be and whether the password is right."""
        await self._count(subjects)
        try:
            user = await self._database.run(lambda c: UserRepository(c).credentials(email))
            kept = user.password_hash if user is not None and user.is_active else None
            return user, await self.passwords.matches(password, kept)
        except ApiError:  # nobody looked at the password
            await self._database.run(lambda c: AttemptRepository(c).undo(subjects))
            raise

    async def _count(self, subjects: Sequence[Subject]) -> None:
        most = self._settings.lockout_seconds
        wait = await self._database.run(lambda c: AttemptRepository(c).count(subjects, most))
        if wait > 0:
            raise ApiError(
                429, "too_many_attempts", "too many attempts: wait", retry_after=int(wait) + 1
            )

    def _subjects(self, email: str, caller: Caller) -> Sequence[Subject]:
        s = self._settings
        return [
            self._subject("account", email.lower(), s.lockout_account),
            self._subject("address", network(caller.address), s.lockout_address),
        ]

    def _subject(self, kind: str, value: str, free: int) -> Subject:
        return subject(self._pepper, kind, value, free)


async def _forgive(connection: AsyncConnection, subjects: Sequence[Subject]) -> None:
    """Forget what was tried at an account; of an address only this one attempt.

    Else whoever has an account could guess at others' for ever.
    """
    attempts = AttemptRepository(connection)
    account, address = subjects
    await attempts.forgive(account)
    await attempts.undo([address])


async def _refuse(connection: AsyncConnection, provider: str, caller: Caller, why: str) -> None:
    event = _event("sign_in", None, caller, "refused", provider=provider, why=why)
    await AuditRepository(connection).add(event)


def _event(
    action: str, user_id: UUID | None, caller: Caller, outcome: str = "ok", **detail: object
) -> Event:
    who = f"user:{user_id}" if user_id else ""
    return Event(
        action=action,
        actor=who if outcome == "ok" else audit.NOBODY,
        target=who,
        address=caller.address,
        outcome=outcome,
        detail=detail,
    )


def _refused(event: Event) -> Event:
    return Event(**{**vars(event), "outcome": "refused"})
