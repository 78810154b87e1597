"""People make users for themselves: what the two ways of doing so share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.access.audit import AuditRepository, Event
from app.access.users import User, UserRepository
from app.errors import ApiError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from app.settings import Settings


def allowed(settings: Settings, *, by_mail: bool) -> None:
    """Refuse a way of signing up that is not the one of this service.

    Raises:
        ApiError: nobody signs up here, or in the other way (403).
    """
    if not settings.sign_up:
        raise ApiError(403, "sign_up_closed", "nobody can sign up here: ask for an account")
    if by_mail and not settings.smtp_host:
        raise ApiError(403, "sign_up_without_mail", "POST /v1/users: nothing is mailed from here")
    if settings.smtp_host and not by_mail:
        words = "POST /v1/sign-ups: a link for a password comes by mail"
        raise ApiError(403, "sign_up_by_mail", words)


async def make(connection: AsyncConnection, email: str, address: str) -> User | None:
    """Make a user without a password and note it; None when the email is taken."""
    user = await UserRepository(connection).create(email)
    if user is not None:
        who = f"user:{user.id}"
        event = Event(action="sign_up", actor=who, target=who, address=address)
        await AuditRepository(connection).add(event)
    return user
