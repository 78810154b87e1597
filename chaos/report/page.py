"""`report.html` and `report.json`: one file each, that open without a network and without us."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2

from chaos.report import timeline, words

if TYPE_CHECKING:
    from chaos.report.content import Content, Run

HERE = Path(__file__).parent
LEFT = ("journal.json", "traffic.json", "experiment.log", "record.json")  # what a run leaves behind


def write(content: Content, out: Path) -> Path:
    """Write both files into a directory that is made when need be; return the page."""
    out.mkdir(parents=True, exist_ok=True)
    _replace(out / "report.json", json.dumps(content.document(), indent=1))
    _replace(page := out / "report.html", html(content, out))
    return page


def html(content: Content, out: Path) -> str:
    """Return the page as it stands in a directory. What a record says is text, never markup."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": words.seconds, "moment": moment}
    return environment.get_template("report.html.j2").render(
        content=content, score=content.score, runs=[_shown(run, out) for run in content.runs]
    )


def moment(at: float | None) -> str:
    """Return a time of the clock, in UTC."""
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _shown(run: Run, out: Path) -> dict[str, Any]:
    png = timeline.picture(run.record, run.traffic)
    there = [name for name in LEFT if (run.folder / name).is_file()]
    base = Path(os.path.relpath(run.folder, out)).as_posix()
    return {
        "record": run.record,
        "part": run.part,
        "caption": run.caption,
        "picture": None if png is None else base64.b64encode(png).decode(),
        "files": [(name, quote(f"{base}/{name}")) for name in there],
    }


def _replace(path: Path, text: str) -> None:
    """Write a file whole: a reader sees the old one or the new one."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}-", encoding="utf-8", delete=False
    ) as out:
        out.write(text)
    Path(out.name).replace(path)
