"""chaos/detections.toml: how soon each alert fired in its experiment. Committed, never by hand."""

from __future__ import annotations

import json
import time
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.report.content import Content

HEAD = """\
# How soon alerts fired in their experiments, as measured. Written by
# `python -m chaos report --publish`, never by hand; docs/reference/alerts.md follows from it.
"""


class BadFigures(ValueError):
    """A file of figures that cannot be read; `str()` is one line."""


def load(path: Path) -> dict[str, dict[str, Any]]:
    """Return what was published, by alert. Raises BadFigures."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadFigures(f"{path}: {error}: git checkout -- {path}") from None


def measured(content: Content) -> dict[str, dict[str, Any]]:
    """Return of each alert that fired and was resolved the experiment that took longest to be told.

    The page says "told within": that has to hold for every fault that was tried.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in content.detections:  # the slowest last
        if one.seconds is not None and one.resolved and one.at is not None:
            figures = {
                "experiment": one.experiment,
                "seconds": round(one.seconds, 1),
                "stack": content.stack,
                "machine": content.machine,
                "date": time.strftime("%Y-%m-%d", time.gmtime(one.at)),
            }
            found[one.alert] = figures
    return found


def text(figures: dict[str, dict[str, Any]]) -> str:
    """Return the file. A JSON string of these values is a TOML string as well."""
    tables = [
        "\n".join([f"[{alert}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items()), ""])
        for alert, values in sorted(figures.items())
    ]
    return HEAD + "\n" + "\n".join(tables)


def publish(content: Content, path: Path, still_open: Path) -> int:
    """Put what was measured into the file, beside what other runs found; return how many.

    What fired is no longer to be done: it goes from the list of those. A reason stays, for somebody
    who reads it: it was wrong.
    """
    fresh = measured(content)
    path.write_text(text({**load(path), **fresh}), encoding="utf-8")
    if still_open.is_file():
        before = left = still_open.read_text(encoding="utf-8")
        for alert in fresh:
            left = left.replace(f"\n[{alert}]\ntodo = true\n", "")
        if left != before:
            still_open.write_text(left, encoding="utf-8")
    return len(fresh)
