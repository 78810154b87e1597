"""The one file that says which models there are, where, what they cost and what stands in."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app import tomlfile
from app.llm.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.settings import Settings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Capability = Literal["tools", "vision", "audio", "files", "json"]
IN_PLACE = "DASH_APP_LLM_CATALOG"  # what a catalog is called that is no file
CREDENTIAL = r"^llm_[a-z0-9_]{1,50}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(_Part):
    """Where a provider is and how much is asked of it at once."""

    kind: str
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#@]+$")]
    credential: Annotated[str, Field(pattern=CREDENTIAL)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 256
    queue: Annotated[int, Field(ge=0, le=10_000)] = 512
    queue_seconds: Seconds = 5
    connect_seconds: Seconds = 3
    first_seconds: Seconds = 30  # until a stream's first token
    chunk_seconds: Seconds = 20  # between two chunks
    total_seconds: Seconds = 600  # of one call
    max_answer: Annotated[int, Field(ge=1024)] = 16_777_216  # bytes
    ca: str | None = None  # a file of certificates beside the system's


class Price(_Part):
    """Dollars for a million tokens, on a day, as somebody said."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    date: dt.date
    source: Annotated[str, Field(min_length=1)]


class Deployment(_Part):
    """A model at a provider, by the provider's name for it."""

    provider: Name
    model: Annotated[str, Field(min_length=1, max_length=200)]
    price: Price | None = None

    @property
    def name(self) -> str:
        """What its breaker goes by."""
        return f"{self.provider}/{self.model}"

    def cost(self, prompt: int, completion: int) -> float:
        """Return dollars."""
        if self.price is None:
            return 0.0
        return (prompt * self.price.input + completion * self.price.output) / 1e6


class Fallback(_Part):
    """Models that stand in, in order, by what went wrong. A content policy is never got round."""

    unavailable: tuple[ModelName, ...] = ()
    context_length: tuple[ModelName, ...] = ()
    capability: tuple[ModelName, ...] = ()


class Model(_Part):
    """What clients ask for by name. `deployments` are tried in their order."""

    aliases: tuple[ModelName, ...] = ()
    capabilities: frozenset[Capability] = frozenset({"tools"})
    output: Annotated[int, Field(ge=1)] = 8192  # tokens of an answer at most
    owner: str = "dash"
    deployments: Annotated[tuple[Deployment, ...], Field(min_length=1)]
    fallback: Fallback = Fallback()


class Policy(_Part):
    """How hard a request is tried."""

    deadline_seconds: Seconds = 120  # for a whole answer, or a stream's first token
    attempts: Annotated[int, Field(ge=1, le=10)] = 4  # calls of one request
    retries: Annotated[int, Field(ge=0, le=5)] = 2  # rounds over a model's deployments beyond one
    base_seconds: Seconds = 0.25  # the first pause at most, doubled each round
    keep_alive_seconds: Seconds = 10  # between two comments of a whole stream
    most_seconds: Seconds = 5  # the longest pause; a Retry-After beyond it is not waited for


class Catalog(_Part):
    """The whole file."""

    policy: Policy = Policy()
    providers: dict[Name, Provider] = Field(default_factory=dict)
    models: dict[ModelName, Model] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        for where, fault in (*self._unknown_kinds(), *self._doubled(), *self._dangling()):
            raise ValueError(f"{where}\0{fault}")
        return self

    def _unknown_kinds(self) -> Iterator[tuple[str, str]]:
        known = ", ".join(sorted(KINDS))
        for name, provider in self.providers.items():
            if provider.kind not in KINDS:
                yield f"providers.{name}.kind", f"there is no kind {provider.kind}, only {known}"

    def _doubled(self) -> Iterator[tuple[str, str]]:
        names = set(self.models)
        for name, model in self.models.items():
            for number, alias in enumerate(model.aliases):
                if alias in names:
                    yield f"models.{name}.aliases.{number}", f"{alias} names something already"
                names.add(alias)

    def _dangling(self) -> Iterator[tuple[str, str]]:
        for name, model in self.models.items():
            for number, deployment in enumerate(model.deployments):
                if deployment.provider not in self.providers:
                    where = f"models.{name}.deployments.{number}.provider"
                    yield where, f"there is no provider {deployment.provider}"
            for why, others in model.fallback:
                for number, other in enumerate(others):
                    if other not in self.models or other == name:
                        where = f"models.{name}.fallback.{why}.{number}"
                        yield where, f"there is no other model {other}"

    def names(self) -> dict[str, str]:
        """Return the model behind each name and alias."""
        found = {name: name for name in self.models}
        for name, model in self.models.items():
            found |= dict.fromkeys(model.aliases, name)
        return found

    def deployments(self) -> dict[str, Deployment]:
        """Return every deployment by its name."""
        found = (each for model in self.models.values() for each in model.deployments)
        return {each.name: each for each in found}


def load(settings: Settings) -> Catalog:
    """Read the catalog that the settings name; none is one without models.

    Raises:
        SettingsError: it cannot be; the line says file and key.
    """
    return read(settings.llm_catalog) if settings.llm_catalog else Catalog()


def read(given: str) -> Catalog:
    """Read a catalog: the file that one line names, or more lines that are it.

    Raises:
        SettingsError: see load.
    """
    return tomlfile.read(Catalog, given, IN_PLACE)
