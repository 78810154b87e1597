"""Hold a stack on AWS against the rules before it is made: `python -m infra.policy < FILE`.

Reads what `pulumi preview --json --show-sames` prints (`./dash infra check` hands it over). The
same rules judge the resources that the tests have registered.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # Pulumi's word for what is known after the `up`
GOING = ("delete", "delete-replaced", "discard", "discard-replaced", "read-discard")


class NotAPreview(ValueError):
    """What was read is no preview; `str()` is one line."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as the engine knows it before anything is made."""

    urn: str
    type: str
    name: str
    parent: str
    protect: bool
    inputs: Mapping[str, Any]
    leads: Mapping[str, Sequence[str]]  # input -> URNs of the resources that it comes from
    after: Sequence[str] = ()  # URNs of the resources that are there before it


@dataclass(frozen=True, kw_only=True)
class View:
    """A stack as a preview or a test shows it."""

    stack: str
    protect: bool  # what the settings ask for
    resources: Sequence[Resource] = field(default_factory=tuple)

    def of(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, named as in `aws:ec2/instance:Instance`'s last word.

        Args:
            types: such as `ec2:Instance`.
        """
        yield from (r for r in self.resources if short(r.type) in types)


def short(type_: str) -> str:
    """Return a resource's type without repetition: `ec2:Instance`; ours as they are."""
    if not type_.startswith("aws:"):
        return type_
    _, module, last = type_.split(":")
    return f"{module.partition('/')[0]}:{last}"


def read(document: object) -> View:
    """Return the stack that a preview shows.

    Args:
        document: what `pulumi preview --json` printed, parsed.

    Raises:
        NotAPreview: it is something else, or the preview of a stack that is not on AWS.
    """
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise NotAPreview("no preview of Pulumi was read: type ./dash infra check")
    config = document.get("config") or {}
    if config.get("dash:provider", "aws") != "aws":
        raise NotAPreview("the stack is on podman: there is nothing to check before it is made")
    found = {}
    for step in document["steps"]:
        state = step.get("newState")
        if state and step.get("op") not in GOING:
            found[state["urn"]] = _resource(state)
    if not found:
        raise NotAPreview("the preview shows no resource: type ./dash infra check")
    stack = next(iter(found)).split(":")[2]
    return View(
        stack=stack,
        protect=str(config.get("dash:protect")).lower() == "true",
        resources=tuple(found.values()),
    )


def _resource(state: Mapping[str, Any]) -> Resource:
    return Resource(
        urn=state["urn"],
        type=state["type"],
        name=state["urn"].rpartition("::")[2],
        parent=state.get("parent", ""),
        protect=bool(state.get("protect")),
        inputs=state.get("inputs") or {},
        leads=state.get("propertyDependencies") or {},
        after=state.get("dependencies") or (),
    )


def check(view: View) -> list[tuple[str, str]]:
    """Return (rule, what is wrong) of everything that breaks a rule."""
    from infra.rules import RULES  # noqa: PLC0415 -- the rules are about the types of this module

    return [(name, wrong) for name, rule in RULES.items() for wrong in rule(view)]


def main() -> int:
    """Judge the preview on standard input; print one line a finding and one for all."""
    from infra.rules import RULES, unjudged  # noqa: PLC0415 -- as above

    try:
        view = read(json.load(sys.stdin))
    except (NotAPreview, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = check(view)
    for name, wrong in found:
        sys.stdout.write(f"{name}: {wrong}\n")
    later = len(unjudged(view))
    rest = (
        f"; not judged before the first `up`: {later} policies; check again then" if later else ""
    )
    total = f"{len(RULES)} rules over {len(view.resources)} resources: {len(found)} findings"
    sys.stdout.write(f"{total}{rest}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
