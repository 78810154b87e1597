"""Messages as agents send and get them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from app.access.keymodels import NAME
from app.agents.ending import malformed
from app.models import WHOLE, Body

if TYPE_CHECKING:
    from app.agents.mailbox import Kept

MOST_SEQ = 2**62
Name = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]
Capability = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]
TaskId = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Seq = Annotated[int, Field(ge=1, le=MOST_SEQ), WHOLE]
Seen = Annotated[int, Field(ge=0, le=MOST_SEQ), WHOLE]
Short = Annotated[str, Field(max_length=64)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Register(Body):
    """The first message; `resume` and `seen` after a reconnect."""

    type: Literal["register"]
    name: Name
    capabilities: Annotated[list[Capability], Field(max_length=32)] = Field(default_factory=list)
    resume: Short | None = None
    seen: Seen = 0


class Task(Body):
    """Something for another agent to do."""

    type: Literal["task"]
    seq: Seq
    to: Name
    task_id: TaskId
    body: dict[str, JsonValue]


class Result(Body):
    """What became of a task."""

    type: Literal["result"]
    seq: Seq
    to: Name
    task_id: TaskId
    ok: bool
    body: dict[str, JsonValue]


class Ack(Body):
    """Everything up to `seq` was dealt with."""

    type: Literal["ack"]
    seq: Seen


class Heartbeat(Body):
    """A sign of life; `t` comes back."""

    type: Literal["heartbeat"]
    t: Short | int | Finite | bool | None = None


Frame = Register | Task | Result | Ack | Heartbeat
_FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def read(text: str) -> Frame:
    """Return a message. Raises Ending: it is none."""
    try:
        return _FRAMES.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise malformed(f"{where}: {first['msg']}" if where else first["msg"]) from None


def write(kind: str, **fields: object) -> str:
    """Return a message as text."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False)


def body_text(body: dict[str, Any]) -> str:
    """Return a body as it is kept. Raises Ending: it holds numbers that JSON has not."""
    try:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise malformed("body: a number is out of range") from None


def delivered(kept: Kept) -> str:
    """Return a kept message as text; its body is text already."""
    fields: dict[str, object] = {"seq": kept.seq, "from": kept.sender, "task_id": kept.task_id}
    if kept.ok is not None:
        fields["ok"] = kept.ok
    return f'{write(kept.kind, **fields, at=kept.at.isoformat())[:-1]},"body":{kept.body}}}'
