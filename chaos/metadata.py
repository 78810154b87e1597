"""What an experiment says of itself for Dash: the extension `dash`, read strictly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.client import Stack

EXPERIMENTS = Path(__file__).resolve().parent / "experiments"
ALL = "all"
SCALED = "scaled"  # tag of one that lowers limits or windows, and label of its alerts
SUITES = ("prove",)  # prove: short, on the idle colour, a condition of a deploy
Group = Literal["app", "database", "network", "provider", "monitor", "release"]
Address = Literal["public", "preview"]
Count = Annotated[int, Field(ge=0)]


class BadExperiment(Exception):
    """An experiment that cannot be run; `str()` is one line."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Requires(_Strict):
    """What a stack must have for the experiment to mean anything."""

    app_hosts: int = 1  # of each colour
    edge_hosts: int = 1
    provider: Literal["podman", "aws"] | None = None
    simulator: bool = False


class InFlight(_Strict):
    """How much of what is under way may be lost; null: the claim is when it is well again."""

    get: Count | None = 0  # GET can be sent again: the edge does it
    post: Count | None = 0
    sockets: Count | None = 0
    streams: Count | None = 0


class Metadata(_Strict):
    """The extension `dash` of an experiment."""

    name: Literal["dash"]
    group: Group
    address: Address = "public"  # where own traffic goes; preview: to the idle colour
    alerts: tuple[str, ...] = ()
    weight: Annotated[int, Field(ge=1, le=5)]
    target_recovery_seconds: Annotated[float, Field(gt=0)]
    in_flight: InFlight = InFlight()
    requires: Requires = Requires()
    runbook: str | None = None
    takes: Annotated[int, Field(gt=0)]  # seconds, usually
    settles: Annotated[int, Field(gt=0, le=900)] = 240  # seconds for all to be well after the undo

    def lacking(self, stack: Stack) -> str:
        """Return what the stack has not that is needed, "" when it has all."""
        needs, counts = self.requires, _counts(stack)
        if needs.provider not in (None, stack.provider):
            return f"it needs hosts from {needs.provider}, not from {stack.provider}"
        for name in ("app_hosts", "edge_hosts"):
            if counts[name] < (wanted := getattr(needs, name)):
                return f"it needs dash:{name} {wanted}, {stack.name} has {counts[name]}"
        if needs.simulator and not counts["simulator"]:
            return f"it needs the providers' simulator, which {stack.name} has not"
        if "alertmanager" not in stack.monitor:
            return f"it needs a monitor, which {stack.name} has not"
        return ""


def _counts(stack: Stack) -> dict[str, int]:
    roles = [host.role for host in stack.hosts.values()]
    return {
        "app_hosts": min(len(stack.colored("blue")), len(stack.colored("green"))),
        "edge_hosts": roles.count("edge"),
        "simulator": roles.count("simulator"),
    }


def of(experiment: Mapping[str, Any]) -> Metadata:
    """Return what an experiment says of itself. Raises BadExperiment."""
    title = experiment.get("title", "an experiment without a title")
    found = [e for e in experiment.get("extensions") or () if e.get("name") == "dash"]
    if len(found) != 1:
        raise BadExperiment(f"{title}: it needs one extension named dash, and has {len(found)}")
    try:
        return Metadata.model_validate(found[0])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadExperiment(f"{title}: extensions.dash.{where}: {first['msg']}") from None


def load(name: str, folder: Path = EXPERIMENTS) -> dict[str, Any]:
    """Return an experiment of ours by its name. Raises BadExperiment."""
    path = folder / f"{name}.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        known = ", ".join((ALL, *SUITES, *names(folder)))
        raise BadExperiment(f"there is no experiment {name!r}: known are {known}") from None
    except yaml.YAMLError as error:
        raise BadExperiment(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise BadExperiment(f"{path} holds no experiment")
    return document


def names(folder: Path = EXPERIMENTS) -> list[str]:
    """Return the names of all experiments."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def chosen(name: str, folder: Path = EXPERIMENTS) -> list[str]:
    """Return the experiments that a word means: all, a suite (their tag), or one by its name."""
    if name == ALL:
        return names(folder)
    if name in SUITES:
        return [each for each in names(folder) if name in load(each, folder).get("tags", ())]
    return [name]


def name_of(title: str, folder: Path = EXPERIMENTS) -> str:
    """Return the name of the experiment of ours that has a title, else one made of its words."""
    for name in names(folder):
        if load(name, folder).get("title") == title:
            return name
    return "_".join(re.findall(r"[a-z0-9]+", title.lower()))[:40] or "unnamed"
