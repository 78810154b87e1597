"""API keys as clients send and see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema

from app.access.keys import LONGEST_DAYS, MOST_BUDGET, MOST_REQUESTS, ApiKey, Limits
from app.access.permissions import PERMISSIONS
from app.models import WHOLE, Answer, Body, Query

LONGEST_OVERLAP = 30 * 24 * 3600  # seconds
# Letters of many scripts, digits and signs; nothing invisible, nothing that turns the line around.
NAME = "^[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u05ff\u0620-\u06dc\u0900-\u17b3\u3040-\ud7ff]+$"


def _known(name: str) -> str:
    if name not in PERMISSIONS:
        raise ValueError("there is no such permission")
    return name


Name = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME)]
Permission = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": sorted(PERMISSIONS)})
]
Permissions = Annotated[list[Permission], Field(max_length=50)]
Days = Annotated[int, Field(ge=1, le=LONGEST_DAYS), WHOLE]
Rate = Annotated[int, Field(ge=1, le=MOST_REQUESTS), WHOLE]
Budget = Annotated[int, Field(ge=0, le=MOST_BUDGET), WHOLE]


class KeyWish(Body):
    """A key to make. `rate_limit` and budgets need the permission limits:write.

    Without them, a key that is made with a key shares that key's limits, and what both use counts
    together.
    """

    name: Name
    permissions: Permissions = Field(default_factory=list)
    expires_in_days: Days | None = None
    rate_limit: Rate | None = None
    request_budget: Budget | None = None
    token_budget: Budget | None = None


class KeyChange(Body):
    """What to change; what is not sent stays.

    `null` for `expires_in_days` is never, for a budget is no budget. Limits are changed for all
    keys that share them and need the permission limits:write.
    """

    name: Name | None = None
    permissions: Permissions | None = None
    expires_in_days: Days | None = None
    rate_limit: Rate | None = None
    request_budget: Budget | None = None
    token_budget: Budget | None = None


class Rotation(Body):
    """How long the old key goes on, in seconds; a day unless said."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP), WHOLE] = 86_400


class Page(Query):
    """Which part of a list: `after` is `next` of the page before."""

    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Key(Answer):
    """A key, without what opens. Keys with the same `group` share their limits."""

    id: str
    name: str
    permissions: list[str]
    rate_limit: int
    request_budget: int | None
    token_budget: int | None
    group: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    replaced_by: str | None

    @classmethod
    def of(cls, key: ApiKey) -> Key:
        """Return a key as its owner sees it."""
        return cls(**fields(key))


class MadeKey(Key):
    """A new key. `key` is shown this once."""

    key: str

    @classmethod
    def made(cls, key: ApiKey, whole: str) -> MadeKey:
        """Return a new key as its owner sees it, once."""
        return cls(**fields(key), key=whole)


class KeyPage(Answer):
    """A part of one's keys; `next` is null on the last."""

    keys: list[Key]
    next: UUID | None


def limits_of(wish: KeyWish | KeyChange, base: Limits) -> Limits | None:
    """Return the limits that are wished for, None when nothing is said of them."""
    named = wish.model_fields_set & {"rate_limit", "request_budget", "token_budget"}
    if not named:
        return None
    return Limits(
        rate_limit=wish.rate_limit or base.rate_limit,
        request_budget=wish.request_budget if "request_budget" in named else base.request_budget,
        token_budget=wish.token_budget if "token_budget" in named else base.token_budget,
    )


def fields(key: ApiKey) -> dict[str, object]:
    """Return what clients see of a key, by name."""
    return {
        "id": key.public_id,
        "name": key.name,
        "permissions": list(key.permissions),
        "rate_limit": key.rate_limit,
        "request_budget": key.request_budget,
        "token_budget": key.token_budget,
        "group": key.group,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "replaced_by": key.replaced_by,
    }
