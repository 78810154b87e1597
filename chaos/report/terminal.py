"""The score on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from chaos.report import words

if TYPE_CHECKING:
    from rich.console import Console

    from chaos.report.content import Content

STYLES = {"passed": "green", "skipped": "dim", "interrupted": "dim"}
RIGHT = ("weight", "probes", "recovery", "burned", "points", "after")


def show(content: Content, console: Console) -> None:
    """Print every experiment's part, who told of it, then what does not count and why."""
    if content.runs:
        console.print(_parts(content))
    if content.detections:
        console.print()
        console.print(_alerts(content))
    for line in left_out(content):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(
            name,
            justify="right" if name in RIGHT else "left",
            no_wrap=name == "experiment",
            overflow="fold",
        )
    return table


def _parts(content: Content) -> Table:
    table = _table("experiment", "outcome", "weight", "probes", "recovery", "burned", "points")
    for run in content.runs:
        record, part = run.record, run.part
        target = f"of {record.target_recovery_seconds:g} s"
        measured = "never" if record.recovery_seconds is None else f"{record.recovery_seconds:.1f}"
        table.add_row(
            escape(record.experiment),
            f"[{STYLES.get(record.outcome, 'red')}]{record.outcome}[/]",
            str(record.weight),
            "-" if part is None else f"{record.probes.passed}/{record.probes.n}",
            "-" if part is None else f"{measured} {target}",
            "-" if part is None else f"{100 * part.burned:.2f} %",
            "-" if part is None else f"{part.points:.2f}",
        )
    return table


def _alerts(content: Content) -> Table:
    table = _table("alert", "experiment", "after", "resolved")
    for one in content.detections:
        fired = "[red]did not fire[/]" if one.seconds is None else words.seconds(one.seconds)
        row = (escape(one.alert), escape(one.experiment), fired, "yes" if one.resolved else "no")
        table.add_row(*row)
    return table


def left_out(content: Content) -> list[str]:
    """Return a line for each kind of thing that the score knows nothing of."""
    groups = {
        "skipped": content.score.skipped,
        "interrupted, not run again": content.score.interrupted,
        "never run": content.score.never,
    }
    lines = [f"{words}: {', '.join(names)}" for words, names in groups.items() if names]
    return [*(f"not read: {line}" for line in content.broken), *lines]


def last_line(content: Content) -> str:
    """Return the one line that a person takes away."""
    percent = content.score.percent
    if percent is None:
        return "no score: nothing was run that counts; type ./dash chaos all"
    n = len(content.score.parts)
    return f"resilience score {percent:.1f} % from {n} experiment{'s' if n != 1 else ''}"
