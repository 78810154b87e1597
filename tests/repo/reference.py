"""Writes the parts of docs/reference that follow from code: `python -m tests.repo.reference`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import SecretStr

from app.settings import CREDENTIALS, PREFIX, Settings
from tests.repo import apireference, tree

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PAGE = tree.ROOT / "docs" / "reference" / "settings.md"
BEGIN, END = "<!-- generated: python -m tests.repo.reference -->", "<!-- end -->"


def _type(annotation: Any) -> str:
    """Return a setting's type in words."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_args(annotation):
        return " or ".join(_type(a) for a in get_args(annotation) if a is not type(None))
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names.get(annotation, "path" if annotation.__name__ == "Path" else annotation.__name__)


def _bounds(field: FieldInfo) -> str:
    """Return what a number must keep to, in words."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    said = [
        f"{word} {getattr(rule, name)}"
        for rule in field.metadata
        for name, word in words.items()
        if getattr(rule, name, None) is not None
    ]
    return f" ({', '.join(said)})" if said else ""


def table() -> str:
    """Return the table of the service's settings."""
    lines = ["| variable | value | default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if field.annotation is SecretStr or name in CREDENTIALS:
            continue
        default = "none" if field.default in (None, "") else f"`{field.default}`"
        value = f"{_type(field.annotation)}{_bounds(field)}"
        lines.append(f"| `{PREFIX}{name.upper()}` | {value} | {default} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with a fresh table between its marks."""
    return re.sub(
        rf"(?s){re.escape(BEGIN)}.*{re.escape(END)}",
        lambda _match: f"{BEGIN}\n{table()}\n{END}",
        text,
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    api = apireference.PAGE
    api.write_text(apireference.page(api.read_text("utf-8")), "utf-8")
