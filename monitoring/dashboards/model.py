"""What a page is made of: pure data, which board.py turns into Grafana's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Query:
    """One expression.

    Args:
        expr: in PromQL.
        legend: what its lines are called: `{{label}}` stands for a label's value.
        exemplars: whether single requests are drawn beside the lines, each with a way to its logs.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture.

    Args:
        title: what is seen, in a few words.
        words: what it means and when to worry.
        unit: as Grafana names it.
        queries: what is drawn.
        kind: lines over time, or the last value alone.
        width: of 24 columns.
        highest: the end of the scale, where it has one.
        lowest: the other end, where it is not zero.
        alarm: of a number, from where on it is painted as trouble.
        least: of a number, below which it is.
        alerts: those that are about the same; the panel links to their runbooks.
    """

    title: str
    words: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "lines"
    width: int = 8
    highest: float | None = None
    lowest: float = 0
    alarm: float | None = None
    least: float | None = None
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """One dashboard.

    Args:
        uid: its name in addresses; never changes.
        title: its name for people.
        words: the question that it answers.
        panels: its pictures, in order.
        variables: which of `color` and `host` people choose by.
        marks: tags of annotations that are drawn over the lines.
    """

    uid: str
    title: str
    words: str
    panels: tuple[Panel, ...]
    variables: tuple[str, ...] = ()
    marks: tuple[str, ...] = ("release",)


def lines(title: str, unit: str, words: str, *queries: Query, **more: Any) -> Panel:  # noqa: ANN401 -- what Panel takes
    """Return lines over time."""
    return Panel(title=title, words=words, unit=unit, queries=queries, **more)


def number(title: str, unit: str, words: str, *queries: Query, **more: Any) -> Panel:  # noqa: ANN401 -- the same
    """Return a panel that shows last values alone."""
    given = {"width": 4, "kind": "number", **more}
    return Panel(title=title, words=words, unit=unit, queries=queries, **given)


def q(expr: str, legend: str = "", **more: Any) -> Query:  # noqa: ANN401 -- the same
    """Return a query."""
    return Query(expr=expr, legend=legend, **more)


def or_zero(expr: str, label: str) -> str:
    """Return an expression that is 0 while it has nothing: an empty panel might be a broken one."""
    return f'({expr}) or on () label_replace(vector(0), "{label}", "none", "", "")'
