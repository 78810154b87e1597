"""What every model of the API has in common, and the models that belong to no part of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, RootModel


def _whole(value: object) -> object:
    """Return 5 for 5.0: in JSON they are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)  # stands after the bounds, else the description loses them


class Body(BaseModel):
    """What is sent: nothing unknown, and no type taken for another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Form(BaseModel):
    """The fields of a form; they are text, so numbers are read from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(BaseModel):
    """Parameters after the question mark; they are text, so numbers are read from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorDetail(Answer):
    """`code` is constant, `message` for people, `request_id` stands in the service's log."""

    code: str
    message: str
    request_id: str


class Error(Answer):
    """Every answer that is not the wanted one."""

    error: ErrorDetail


class OpenAIErrorDetail(Answer):
    """An error as OpenAI has it; the request's id is in the header X-Request-Id."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Answer):
    """Every answer of the gateway that is not the wanted one."""

    error: OpenAIErrorDetail


class Alive(Answer):
    """The process lives."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether requests should come here, and what was looked at."""

    status: Literal["starting", "ready", "degraded", "draining"]
    checks: dict[str, str]


class User(Answer):
    """Whom a key belongs to."""

    id: UUID
    email: str
    role: str


class OwnKey(Answer):
    """The key that a request came with."""

    id: str
    name: str
    permissions: list[str]
    expires_at: datetime | None


class OwnSession(Answer):
    """The session that a request came with.

    Requests that change something send `csrf_token` in the header X-CSRF-Token.
    """

    id: UUID
    csrf_token: str
    created_at: datetime
    expires_at: datetime


class Me(Answer):
    """Who calls: with a key, or in a session."""

    user: User
    key: OwnKey | None = None
    session: OwnSession | None = None


class AnyObject(RootModel[dict[str, JsonValue]]):
    """Any JSON object."""
