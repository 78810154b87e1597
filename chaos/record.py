"""What is kept of a run: `record.json` in its directory, read strictly and told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

FILE = "record.json"
Weight = Annotated[int, Field(ge=1, le=5)]
Seconds = Annotated[float, Field(ge=0)]
Outcome = Literal["passed", "failed", "interrupted", "undo failed", "skipped"]
# An interrupted run tells nothing of the platform: the one before it goes on to count.
TELLING: tuple[Outcome, ...] = ("passed", "failed", "undo failed", "skipped")


class BadRecord(ValueError):
    """A document that is not what it should be; `str()` is one line."""


class _Document(BaseModel):
    """Frozen; what a newer writer adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Span(_Document):
    """From when until when, in seconds since the epoch; null: it did not come to that."""

    started: float | None = None
    ended: float | None = None


class Alert(_Document):
    """One alert that the experiment expects."""

    name: str
    fired: float | None = None
    resolved: float | None = None
    detection_seconds: Seconds | None = None


class Probes(_Document):
    """How often the hypothesis was looked at, and how often it held."""

    n: int = Field(ge=0)
    passed: int = Field(ge=0)

    @property
    def success(self) -> float:
        """The share that held; what was never looked at was not shown."""
        return min(1.0, self.passed / self.n) if self.n else 0.0


class Count(_Document):
    """Requests of one kind."""

    n: int = Field(ge=0)
    failed: int = Field(ge=0)


class Runbook(_Document):
    """Whose commands were run against the fault, and whether they mended it."""

    name: str
    commands: tuple[str, ...] = ()
    mended: bool | None = None


class Record(_Document):
    """One run of one experiment."""

    experiment: str
    title: str
    group: str = ""
    weight: Weight
    outcome: Outcome
    started: float | None = None
    ended: float | None = None
    fault: Span = Span()
    alerts: tuple[Alert, ...] = ()
    probes: Probes = Probes(n=0, passed=0)
    requests: dict[str, Count] = {}
    in_flight_allowed: dict[str, int | None] = {}  # null: any number
    sockets: dict[str, Any] = {}
    streams: dict[str, Any] = {}
    recovery_seconds: Seconds | None = None
    after_undo_seconds: Seconds | None = None
    target_recovery_seconds: float = Field(gt=0)
    budget_burned: dict[str, float] = {}
    undone_twice: bool = False
    runbook: Runbook | None = None
    why: str | None = None
    reason: str | None = None
    line: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the record of a run's directory. Raises BadRecord."""
        path = folder / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise BadRecord(f"{path}: {error.strerror}") from None
        except ValidationError as error:
            raise BadRecord(f"{path}: {first(error.errors()[0])}") from None


def first(error: ErrorDetails) -> str:
    """Return one finding of pydantic in one line."""
    where = ".".join(map(str, error["loc"]))
    given = repr(error.get("input"))
    value = "" if error["type"] == "missing" or len(given) > 60 else f", not {given}"  # noqa: PLR2004 -- fits a line
    return f"{f'{where}: ' if where else ''}{error['msg'].lower()}{value}"


def runs(folder: Path) -> tuple[dict[Path, Record], list[str]]:
    """Return the records of all runs, oldest first, and a line for each that cannot be read.

    A directory without a record is a run that still goes on or was killed: it has nothing to tell.
    """
    found: dict[Path, Record] = {}
    broken: list[str] = []
    for path in sorted(folder.glob(f"*/{FILE}")):
        try:
            found[path.parent] = Record.read(path.parent)
        except BadRecord as error:
            broken.append(str(error))
    return found, broken


def newest(found: dict[Path, Record]) -> dict[Path, Record]:
    """Return of each experiment the newest run that tells something of the platform."""
    last: dict[str, Path] = {}
    for folder, record in found.items():
        before = last.get(record.experiment)
        if record.outcome in TELLING or before is None or found[before].outcome not in TELLING:
            last[record.experiment] = folder
    return {folder: found[folder] for folder in sorted(last.values())}
