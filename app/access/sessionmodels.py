"""People and their sessions as clients send and see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import Field

from app.access.users import EMAIL, LONGEST_EMAIL
from app.models import Answer, Body

if TYPE_CHECKING:
    from app.access.sessions import Session

Email = Annotated[str, Field(min_length=3, max_length=LONGEST_EMAIL, pattern=EMAIL)]
# One email, or a name in a directory: ASCII without spaces and commas, which nobody folds.
Login = Annotated[str, Field(min_length=1, max_length=LONGEST_EMAIL, pattern="^[!-+.-~-]+$")]
# The rules for new passwords hold after normalising; this bounds what is looked at.
Password = Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
Token = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$", repr=False)]


class SignUp(Body):
    """A user to be. The password has 12 to 128 characters and is none that is tried first."""

    email: Email
    password: Password


class SignUpWish(Body):
    """Who wants to be a user."""

    email: Email


class SignUpAsked(Answer):
    """Always the same: whether there is such a user already stays unsaid."""

    message: str = "a mail is on its way"


class SignIn(Body):
    """Who one is; `email` may be the name in a directory, where there is one."""

    email: Login
    password: Password


class PasswordChange(Body):
    """The password that is, and the one to be."""

    current: Password
    new: Password


class ResetWish(Body):
    """Whose password is to be set anew."""

    email: Email


class Reset(Body):
    """The token of a link, and the password to be."""

    token: Token
    password: Password


class ResetAsked(Answer):
    """Always the same: whether there is such a user stays unsaid."""

    message: str = "if there is such a user, a mail is on its way"


class SessionRow(Answer):
    """A session; `current` is the one that asks."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    current: bool

    @classmethod
    def of(cls, session: Session, current: UUID | None) -> SessionRow:
        """Return a session as its owner sees it."""
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            address=session.address,
            agent=session.agent,
            current=session.id == current,
        )


class SessionPage(Answer):
    """A part of one's sessions; `next` is null on the last."""

    sessions: list[SessionRow]
    next: UUID | None
