"""Draw dashboards for people to look at where Grafana has no front end: SVG, by Chromium to PNG."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = tuple[str, list[float], list[float | None]]  # name, times, values
COLUMN, ROW = 50, 32  # pixels of one of 24 columns, and of one row
MARGIN = {"left": 58, "right": 10, "top": 8, "bottom": 18}
QUARTERS = (0, 0.25, 0.5, 0.75, 1)
PALETTE = ("#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#8AB8FF", "#96D98D")
STYLE = """body{margin:0;background:#111217;color:#ccccdc;font:12px sans-serif}
h1{font-size:17px;margin:10px 10px 2px}p{margin:0 10px 8px;color:#8e8e9a}
#grid{position:relative}.panel{position:absolute;background:#181b1f;border:1px solid #2c3235;
box-sizing:border-box;overflow:hidden}h2{font-size:12px;font-weight:600;margin:5px 8px}
.value{font-size:24px;text-align:center}.name{font-size:11px;color:#8e8e9a}
.values{display:flex;justify-content:space-evenly;margin-top:14px}
.legend{padding:0 8px;line-height:15px;height:32px;overflow:hidden}i{display:inline-block;
width:12px;height:3px;margin:0 4px 3px 8px}"""
SCALES = {"bytes": 1024, "Bps": 1024}
WORDS = {"s": "s", "reqps": "/s", "ops": "/s", "cps": "/s", "rowsps": "/s", "currencyUSD": "$"}


def figure(value: float | None, unit: str) -> str:
    """Return a value as people read it."""
    if value is None:
        return "no data"
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if unit == "s" and abs(value) >= size:
            return f"{value / size:.3g} {name}"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    prefix = ""
    step, prefixes = SCALES.get(unit, 1000), list("GMK")
    while abs(value) >= step and prefixes:
        value /= step
        prefix = prefixes.pop()
    return f"{value:.3g} {prefix}{'B' if unit in SCALES else WORDS.get(unit, '')}".strip()


def paint(panel: dict[str, Any], name: str, number: int) -> str:
    """Return the colour of a line, as the dashboard says it or, from 0 on, in turn."""
    found = PALETTE[number % len(PALETTE)] if number >= 0 else ""
    for override in panel["fieldConfig"].get("overrides", []):
        if re.fullmatch(override["matcher"]["options"].strip("/"), name):
            found = str(override["properties"][0]["value"]["fixedColor"])
    return found


def panel(given: dict[str, Any], drawn: Sequence[Line], marks: Sequence[float]) -> str:
    """Return one panel where it stands on the page."""
    place = given["gridPos"]
    wide, high = place["w"] * COLUMN, place["h"] * ROW
    unit = given["fieldConfig"]["defaults"].get("unit", "none")
    if given["type"] == "stat":
        inside = _values(given, drawn, unit)
    else:
        inside = _chart(given, drawn, marks, unit)
    where = f"left:{place['x'] * COLUMN}px;top:{place['y'] * ROW}px;width:{wide}px;height:{high}px"
    title = html.escape(given["title"])
    return f'<div class="panel" style="{where}"><h2>{title}</h2>{inside}</div>'


def _values(given: dict[str, Any], drawn: Sequence[Line], unit: str) -> str:
    steps = given["fieldConfig"]["defaults"]["thresholds"]["steps"]
    found = []
    for name, _, values in drawn:
        last = next((v for v in reversed(values) if v is not None), None)
        passed = [s["color"] for s in steps if s.get("value") is None or s["value"] <= (last or 0)]
        color = paint(given, name, -1) or passed[-1]
        label = f'<div class="name">{html.escape(name)}</div>'
        found.append(f'<div class="value" style="color:{color}">{label}{figure(last, unit)}</div>')
    return f'<div class="values">{"".join(found)}</div>'


@dataclass(frozen=True)
class Scale:
    """Where times and values stand in a chart."""

    wide: int
    high: int
    begin: float
    end: float
    low: float
    top: float

    def x(self, stamp: float) -> float:
        """Return the column of a time."""
        inner = self.wide - MARGIN["left"] - MARGIN["right"]
        return MARGIN["left"] + (stamp - self.begin) / (self.end - self.begin) * inner

    def y(self, value: float) -> float:
        """Return the row of a value."""
        inner = self.high - MARGIN["top"] - MARGIN["bottom"]
        return MARGIN["top"] + (self.top - value) / (self.top - self.low) * inner


def scale(given: dict[str, Any], drawn: Sequence[Line]) -> Scale | None:
    """Return what holds all lines of a panel; None when there is nothing to hold."""
    known = [v for _, _, values in drawn for v in values if v is not None]
    times = [t for _, stamps, _ in drawn for t in stamps]
    if not known:
        return None
    low = min(given["fieldConfig"]["defaults"].get("min") or 0, *known)
    most = max(known)
    highest = given["fieldConfig"]["defaults"].get("max") or 0
    top = highest if highest >= most else most * 1.05
    place, begin = given["gridPos"], min(times)
    return Scale(
        wide=place["w"] * COLUMN - 2, high=place["h"] * ROW - 66, begin=begin,
        end=max(*times, begin + 1), low=low, top=top if top > low else low + 1,
    )  # fmt: skip


def _chart(given: dict[str, Any], drawn: Sequence[Line], marks: Sequence[float], unit: str) -> str:
    at = scale(given, drawn)
    if at is None:
        return '<div class="value">no data</div>'
    parts = [_ruler(at, at.low + share * (at.top - at.low), unit) for share in QUARTERS]
    parts += [
        f'<path d="M{at.x(mark):.1f} 8V{at.high - 18}" stroke="#B877D9" stroke-dasharray="4 3"/>'
        for mark in marks
        if at.begin <= mark <= at.end
    ]
    legend = ""
    for number, (name, stamps, values) in enumerate(drawn):
        color = paint(given, name, number)
        known = [(t, v) for t, v in zip(stamps, values, strict=True) if v is not None]
        points = "L".join(f"{at.x(t):.1f} {at.y(v):.1f}" for t, v in known)
        parts.append(f'<path d="M{points}" fill="none" stroke="{color}" stroke-width="1.4"/>')
        legend += f'<i style="background:{color}"></i>{html.escape(name)}'
    size = f'width="{at.wide}" height="{at.high}" font-size="10" fill="#8e8e9a"'
    return f'<svg {size}>{"".join(parts)}</svg><div class="legend">{legend}</div>'


def _ruler(at: Scale, value: float, unit: str) -> str:
    left, row = MARGIN["left"], at.y(value)
    words = figure(value, unit)
    return (
        f'<path d="M{left} {row:.1f}H{at.wide - MARGIN["right"]}" stroke="#2c3235"/>'
        f'<text x="{left - 5}" y="{row + 4:.1f}" text-anchor="end">{words}</text>'
    )


def page(
    board: dict[str, Any], drawn: Mapping[int, Sequence[Line]], marks: Sequence[float]
) -> tuple[str, int]:
    """Return a dashboard as HTML, and its height."""
    panels = "".join(panel(p, drawn[p["id"]], marks) for p in board["panels"])
    high = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) * ROW
    head = f"<h1>{html.escape(board['title'])}</h1><p>{html.escape(board['description'])}</p>"
    style = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
    text = f"{style}{head}<div id=grid>{panels}</div>"
    return text, high + 70


def photograph(text: str, high: int, to: Path) -> None:
    """Have Chromium make a PNG of a page."""
    to.parent.mkdir(parents=True, exist_ok=True)
    source = to.with_suffix(".html")
    source.write_text(text, encoding="utf-8")
    subprocess.run(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--window-size={24 * COLUMN},{high}", f"--screenshot={to}", source.absolute().as_uri()],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
