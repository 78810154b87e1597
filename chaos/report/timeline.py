"""The picture of one fault: requests, what failed, the fault, and who told of it, on one clock."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chaos.report.traffic import KINDS, LOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chaos.record import Record
    from chaos.report.traffic import Second

# Okabe and Ito: told apart with every kind of colour vision; hatches tell them apart in grey.
COLORS = {
    "keepalive": "#0072B2", "fresh": "#56B4E9", "post": "#D55E00", "sockets": "#CC79A7",
    "streams": "#F0E442", "messages": "#999999",
}  # fmt: skip
HATCHES = {"fresh": "///", "post": "", "sockets": "xxx", "streams": "...", "messages": "+++"}
GOOD, FAULT, ALERT, STEADY, RECOVERY = "#009E73", "#999999", "#E69F00", "#56B4E9", "#000000"
BEFORE, AFTER = 30.0, 20.0  # seconds around what happened that are drawn
WIDTH, DPI = 9.6, 110
LANE = 0.32  # inches of one line of spans


def picture(record: Record, traffic: Sequence[Second]) -> bytes | None:
    """Return a PNG; None when there was no fault to draw."""
    zero = record.fault.started
    if zero is None:
        return None
    lanes = _lanes(record, zero, end := _end(record, traffic, zero))
    heights = [1.7, 1.5, LANE * len(lanes) + 0.2]
    figure = Figure(figsize=(WIDTH, sum(heights) + 1.1), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(
        figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": heights})
    )
    start = max(-BEFORE, min(0.0, traffic[0].t - zero)) if traffic else -BEFORE
    _requests(axes[0], traffic, zero)
    _failures(axes[1], traffic, zero)
    _spans(axes[2], lanes, start, end)
    figure.suptitle(f"{record.experiment}: {record.outcome}", x=0.01, ha="left", fontsize=11)
    for one in axes:
        one.axvspan(0, _until(record, zero, end), color=FAULT, alpha=0.18, lw=0, zorder=0)
        if record.recovery_seconds:
            one.axvline(record.recovery_seconds, color=RECOVERY, lw=1, ls=(0, (4, 2)))
        one.grid(axis="x", color="#dddddd", lw=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    axes[2].set_xlim(start, end)
    axes[2].set_xlabel("seconds since the fault began")
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _end(record: Record, traffic: Sequence[Second], zero: float) -> float:
    """Return where the picture ends: a little after the last thing that happened."""
    last = [record.fault.ended or zero, *(a.resolved or a.fired or zero for a in record.alerts)]
    if record.after_undo_seconds is not None and record.fault.ended is not None:
        last.append(record.fault.ended + record.after_undo_seconds)
    last += [second.t for second in traffic if second.failed or record.fault.ended is None]
    # Beyond the last answer there is nothing to see, unless an alert was still on.
    return (
        max(min(max(last) + AFTER, traffic[-1].t if traffic else max(last)), max(last) + 2) - zero
    )


def _until(record: Record, zero: float, end: float) -> float:
    return end if record.fault.ended is None else record.fault.ended - zero


def _requests(axis: Axes, traffic: Sequence[Second], zero: float) -> None:
    traffic = traffic[:-1]  # the prober ended within the last second
    times = [second.t - zero for second in traffic]
    good = [max(0, second.n - _of_requests(second)) for second in traffic]
    if times:
        axis.fill_between(times, good, step="post", color=GOOD, alpha=0.25, lw=0)
        axis.step(times, good, where="post", color=GOOD, lw=1.4)
    axis.set_ylabel("good answers\nper second")
    axis.set_ylim(0, max([*good, 4]) * 1.1)


def _of_requests(second: Second) -> int:
    return sum(n for kind, n in second.failed.items() if kind not in LOST.values())


def _failures(axis: Axes, traffic: Sequence[Second], zero: float) -> None:
    kinds = [kind for kind in KINDS if any(kind in second.failed for second in traffic)]
    times = [second.t - zero for second in traffic]
    bottom = [0] * len(times)
    for kind in kinds:
        n = [second.failed.get(kind, 0) for second in traffic]
        axis.bar(
            times, n, 1.0, bottom, align="edge", label=KINDS[kind], color=COLORS[kind],
            hatch=HATCHES.get(kind), edgecolor="#333333", lw=0.3,
        )  # fmt: skip
        bottom = [low + high for low, high in zip(bottom, n, strict=True)]
    axis.set_ylabel("failed\nper second")
    axis.set_ylim(0, max([*bottom, 4]) * 1.15)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    if kinds:
        axis.legend(  # above the bars: inside it would hide some
            loc="lower left", bbox_to_anchor=(0, 1), ncols=len(kinds), fontsize=8, frameon=False,
            borderaxespad=0.1,
        )  # fmt: skip
    else:
        words = "nothing failed" if traffic else "no traffic was counted"
        axis.text(0.5, 0.5, words, ha="center", va="center", transform=axis.transAxes, color="#444")


def _lanes(record: Record, zero: float, end: float) -> list[tuple[str, float, float, str, str]]:
    """Return the lines of the lowest part: name, from, until, colour, words."""
    until = _until(record, zero, end)
    lanes = [("fault", 0.0, until, FAULT, f"{until:.0f} s" if record.fault.ended else "no end")]
    for alert in record.alerts:
        if alert.fired is None:
            lanes.append((alert.name, 0.0, 0.0, ALERT, "did not fire"))
            continue
        fired = alert.fired - zero
        over = end if alert.resolved is None else alert.resolved - zero
        words = f"fired after {alert.detection_seconds or fired:.0f} s"
        lanes.append((alert.name, fired, over, ALERT, words))
    if (measured := record.recovery_seconds) is not None:
        words = f"last bad answer after {measured:.1f} s" if measured else "no bad answer"
        words += f" (target {record.target_recovery_seconds:g} s)"
        lanes.append(("recovery", 0.0, measured, GOOD, words))
    if record.after_undo_seconds is not None and record.fault.ended is not None:
        steady = until + record.after_undo_seconds
        lanes.append(("undo to steady", until, steady, STEADY, f"{steady - until:.0f} s"))
    return lanes


def _spans(
    axis: Axes, lanes: list[tuple[str, float, float, str, str]], start: float, end: float
) -> None:
    for at, (_name, begun, ended, color, words) in enumerate(lanes):
        if ended > begun:
            axis.barh(at, ended - begun, 0.62, begun, color=color, edgecolor="#333", lw=0.5)
        x, side, shift = _beside(begun, ended, end - start, end)
        axis.annotate(
            words, (x, at), (shift, 0), textcoords="offset points", va="center", ha=side, fontsize=8
        )
    axis.set_yticks(range(len(lanes)), [lane[0] for lane in lanes])
    axis.set_ylim(len(lanes) - 0.4, -0.6)


def _beside(begun: float, ended: float, width: float, end: float) -> tuple[float, str, int]:
    """Return where the words of a bar find room: after it, in it, or before it."""
    if ended < end - 0.3 * width:
        return ended, "left", 4
    if ended - begun > 0.3 * width:
        return begun, "left", 4
    return begun, "right", -4
