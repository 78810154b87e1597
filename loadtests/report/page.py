"""`report.html`: one file that opens without a network and without us."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from loadtests import result
from loadtests.report import pictures

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent


def write(
    path: Path, document: Mapping[str, Any], comparison: Mapping[str, Any] | None = None
) -> None:
    """Write the page of a result, and of the judgement on two releases where there is one."""
    path.write_text(html(dict(document), comparison), "utf-8")


def html(document: dict[str, Any], comparison: Mapping[str, Any] | None = None) -> str:
    """Return the page of a result. What it says is text, never markup."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": moment, "inline": inline, "figure": figure}
    return environment.get_template("report.html.j2").render(
        run=document,
        comparison=comparison,
        pictures=pictures.all_of(document),
        first=result.first(document),
        carried=result.carried(document),
        before=result.before(document),
    )


def moment(at: float) -> str:
    """Return a time of the clock, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def inline(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def figure(value: float, unit: str = "") -> str:
    """Return a figure for people."""
    return f"{value:.2%}" if unit == "%" else f"{value:,g}{unit}"
