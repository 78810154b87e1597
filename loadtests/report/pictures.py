"""The pictures of a run, all on one clock: latencies, rates and failures, what the server used."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from loadtests import bottleneck, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

# Okabe and Ito: told apart with every kind of colour vision; dashes tell them apart in grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
DASHES = ("-", "--", (0, (1, 1.5)))  # of lines that may lie on each other, as percentiles do
OF_COLOUR = {  # a release's colour is drawn as it is called, old and new as they belong together
    "blue": COLORS[0], "green": COLORS[2],
    "old p50": COLORS[0], "old p95": COLORS[5], "new p50": COLORS[1], "new p95": COLORS[4],
}  # fmt: skip
LIMIT = "#A33C00"
WIDTH, DPI = 9.6, 110
ROW = 1.75  # inches

Points = list[tuple[float, float]]
Lines = list[tuple[str, Points]]


@dataclass(frozen=True)
class Panel:
    """Lines that share an axis; the limit is drawn where there is one."""

    title: str
    lines: Lines
    limit: float | None = None
    logarithmic: bool = False


@dataclass(frozen=True)
class Picture:
    """A PNG, what it is about, and the same in words for whoever does not see it."""

    title: str
    png: bytes
    caption: str


def all_of(document: Mapping[str, Any]) -> list[Picture]:
    """Return the pictures of a result; of what was not measured there is none."""
    if not document["series"]:
        return []
    server = [panel for panel in _server(document) if panel.lines]
    found = [
        (
            "Old against new",
            of_blocks(document),
            "By block of the run; the first is left out.",
        ),
        ("Latencies over time", _latencies(document), "p50, p95 and p99 of each window of 5 s."),
        ("What was sent, and what failed", _rates(document), "Per second, by kind."),
        ("What the server used", server, "From Prometheus; the dashed line is the rule's limit."),
    ]
    end = document["ended"] - document["began"]
    return [
        Picture(title, _draw(panels, end), f"{about} {_highest(panels)}")
        for title, panels, about in found
        if panels
    ]


def _latencies(document: Mapping[str, Any]) -> list[Panel]:
    limits = {
        check["what"]: check["limit"]
        for check in document["verdict"]["checks"]
        if check["unit"] == " ms"
    }
    return [
        Panel(
            f"{kind}, ms",
            [(name, _windows(document, kind, f"{name}_ms")) for name in ("p50", "p95", "p99")],
            limits.get(f"{kind} p95"),
            logarithmic=True,
        )
        for kind in kinds.KINDS
        if kind in document["kinds"]
    ]


def of_blocks(document: Mapping[str, Any]) -> list[Panel]:
    """Return p50 and p95 of each kind that both releases answered in most blocks."""
    blocks, panels = document.get("blocks", []), []
    for kind in kinds.KINDS:
        both = [b for b in blocks if kind in b["old"] and kind in b["new"]]
        if len(both) * 2 <= len(blocks):
            continue
        lines = [
            (f"{side} {name}", [(block["at"], block[side][kind][f"{name}_ms"]) for block in both])
            for name in ("p50", "p95")
            for side in ("old", "new")
        ]
        panels.append(Panel(f"{kind}, ms", lines, logarithmic=True))
    return panels


def _rates(document: Mapping[str, Any]) -> list[Panel]:
    known = [kind for kind in kinds.KINDS if kind in document["kinds"]]
    users = [(_at(document, window), float(window["users"])) for window in document["series"]]
    return [
        Panel("sent a second", [(kind, _windows(document, kind, "rate")) for kind in known]),
        Panel("failed in 5 s", _failed(document, known)),
        Panel("users", [("", users)]),
    ]


def _failed(document: Mapping[str, Any], known: Sequence[str]) -> Lines:
    lines = [(kind, _windows(document, kind, "failed")) for kind in known]
    bad = [(kind, points) for kind, points in lines if any(value for _, value in points)]
    return bad or [("nothing failed", [(x, 0.0) for x, _ in lines[0][1]] if lines else [])]


PANELS: Mapping[str, tuple[str, ...]] = {
    "cpu of the machine": ("cpu of the machine",),
    "cpu of the service, cores": ("cpu of the service (cores)",),
    "cpu of HAProxy": ("edge: cpu of HAProxy",),
    "memory of the service, MB": ("memory of the service (MB)",),
    "requests that wait": (
        "pool: requests that wait",
        "gateway: requests that wait",
        "edge: requests that wait for a server",
    ),
    "in flight": ("requests in flight", "gateway: calls under way"),
    "share of the pool in use": ("pool: share in use of the most",),
    "connections of the database": ("database: connections",),
    "sign-in, mean seconds": ("sign-in: seconds (mean)",),
    "transactions a second": ("database: transactions a second",),
    "agents connected": ("agents connected",),
}


def _server(document: Mapping[str, Any]) -> list[Panel]:
    limits = {rule.series: rule.limit for rule in bottleneck.RULES}
    return [
        Panel(title, _lines(document, names), limits.get(names[0]))
        for title, names in PANELS.items()
    ]


def _lines(document: Mapping[str, Any], names: Sequence[str]) -> Lines:
    """Return the series of some names; those that never were anything but 0 are one line less."""
    found: Lines = []
    for name in names:
        for of, points in sorted(document["server"].get(name, {}).items()):
            moved = [(at - document["began"], value) for at, value in points]
            part = name.partition(":")[0] if len(names) > 1 else ""
            found.append((" ".join(word for word in (part, of) if word), moved))
    used = [(label, points) for label, points in found if any(value for _, value in points)]
    return used or found[:1]


def _at(document: Mapping[str, Any], window: Mapping[str, Any]) -> float:
    """Return the middle of a window, in seconds of the run."""
    return float(window["at"] - document["began"] - window["seconds"] / 2)


def _windows(document: Mapping[str, Any], kind: str, what: str) -> Points:
    return [
        (_at(document, window), float(window["kinds"][kind][what]))
        for window in document["series"]
        if kind in window["kinds"]
    ]


def _draw(panels: Sequence[Panel], end: float) -> bytes:
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(WIDTH, rows * ROW + 0.4), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(figure.subplots(rows, 2, sharex=True, squeeze=False).flat)
    for axis, panel in zip(axes, panels, strict=False):
        _panel(axis, panel)
        axis.set_xlim(0, end)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[max(0, len(panels) - 2) : len(panels)]:
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("seconds since the run began", fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(axis: Axes, panel: Panel) -> None:
    for number, (label, points) in enumerate(panel.lines):
        axis.plot(
            [x for x, _ in points], [y for _, y in points], label=label or None, lw=1.4,
            color=OF_COLOUR.get(label, COLORS[number % len(COLORS)]),
            ls=DASHES[number % len(DASHES)], marker=".", ms=3,
        )  # fmt: skip
    axis.set_title(panel.title, fontsize=9, loc="left")
    _scale(axis, panel)
    if panel.limit is not None:
        axis.axhline(panel.limit, color=LIMIT, lw=1, ls=(0, (4, 2)))
    axis.grid(color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    if any(label for label, _ in panel.lines):
        columns = 1 if len(panel.lines) <= 3 else 2  # noqa: PLR2004 -- what fits beside lines
        axis.legend(fontsize=7, frameon=False, ncols=columns, loc="best")


def _scale(axis: Axes, panel: Panel) -> None:
    """Show all values and the limit: whole decades, or from 0 upwards."""
    values = [y for _, points in panel.lines for _, y in points]
    values += [] if panel.limit is None else [panel.limit]
    if not panel.logarithmic:
        highest = max(values, default=0.0)
        axis.set_ylim(0, highest * 1.15 if highest > 0 else 1.0)
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=highest >= 4))  # noqa: PLR2004 -- ticks
        return
    low, high = max(1.0, min(values, default=1.0)), max(10.0, *values)
    axis.set_yscale("log")
    axis.set_ylim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
    axis.yaxis.set_major_locator(LogLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(_plain))
    axis.yaxis.set_minor_formatter(FuncFormatter(_nothing))


def _plain(value: float, _place: int | None) -> str:
    return f"{value:g}"


def _nothing(_value: float, _place: int | None) -> str:
    return ""


def _highest(panels: Sequence[Panel]) -> str:
    """Return the highest value of each panel, in words."""
    each = []
    for panel in panels:
        found = [(y, label) for label, points in panel.lines for _, y in points]
        if found:
            value, label = max(found)
            each.append(f"{panel.title} {value:,.4g}{f' ({label})' if label else ''}")
    return f"Highest: {'; '.join(each)}." if each else ""
