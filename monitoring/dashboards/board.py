"""Make Grafana's dashboards of pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)  # fmt: skip

if TYPE_CHECKING:
    from monitoring.dashboards.model import Page, Panel

COLORS = {"blue": "#3274D9", "green": "#56A64B"}
CALM, TROUBLE = COLORS["green"], "#E02F44"
BAD = "5xx|failed"
HEIGHTS = {"lines": 8, "number": 4}
COLUMNS = 24
MARKS = {"release": "#B877D9", "chaos": "#FF9830"}


def _source(uid: str) -> DataSourceRef:
    return DataSourceRef(type_val=uid, uid=uid)


def _described(panel: Panel) -> str:
    """Return what a panel means, and where to read on when its alert fires."""
    pages = [f"Runbook: docs/runbooks/{name}.md" for name in panel.alerts]
    return "\n\n".join([panel.words, *pages])


def _builder(panel: Panel) -> Any:  # noqa: ANN401 -- the SDK's panels share no type
    if panel.kind == "number":
        reduce = common.ReduceDataOptions().calcs(["lastNotNull"])
        made = stat.Panel().reduce_options(reduce).graph_mode(kinds.BigValueGraphMode.NONE)
        return made.text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
    legend = (
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(True)  # noqa: FBT003 -- the SDK's way
    )
    tooltip = common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI)
    return timeseries.Panel().legend(legend).tooltip(tooltip).fill_opacity(8).line_width(1)


def _painted(builder: Any, panel: Panel) -> Any:  # noqa: ANN401 -- the same
    """Give the two colours, and what is bad, the same paint on every page."""
    if panel.kind == "number":
        steps = [Threshold(value=None, color=CALM if panel.least is None else TROUBLE)]
        steps += [] if panel.least is None else [Threshold(value=panel.least, color=CALM)]
        steps += [] if panel.alarm is None else [Threshold(value=panel.alarm, color=TROUBLE)]
        levels = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        builder = builder.thresholds(levels)
    paints = {f".*{name}.*": paint for name, paint in COLORS.items()}
    if panel.kind == "lines":
        paints[f".*({BAD}).*"] = TROUBLE
    for pattern, paint in paints.items():
        color = {"mode": FieldColorModeId.FIXED.value, "fixedColor": paint}
        value = DynamicConfigValue(id_val="color", value=color)
        builder = builder.override_by_regexp(f"/{pattern}/", [value])
    return builder


def panel(given: Panel, number: int, place: GridPos) -> Any:  # noqa: ANN401 -- the same
    """Return a panel of Grafana's, under a number that never changes while its place does not."""
    builder = (
        _builder(given)
        .id(number)
        .title(given.title)
        .description(_described(given))
        .datasource(_source("prometheus"))
        .grid_pos(place)
        .unit(given.unit)
        .min(given.lowest)
    )
    builder = _painted(builder, given)
    if given.unit == "s" and given.kind == "number":
        builder = builder.decimals(1)
    if given.highest is not None:
        builder = builder.max(given.highest)
    for letter, query in zip("ABCDEFGH", given.queries, strict=False):
        made = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
        made = made.exemplar(True) if query.exemplars else made  # noqa: FBT003 -- the SDK's way
        builder = builder.with_target(made.datasource(_source("prometheus")))
    return builder


def _places(panels: tuple[Panel, ...]) -> list[GridPos]:
    """Return where panels stand: in rows, each as high as its highest."""
    found, x, y, high = [], 0, 0, 0
    for one in panels:
        if x + one.width > COLUMNS:
            x, y, high = 0, y + high, 0
        found.append(GridPos(h=HEIGHTS[one.kind], w=one.width, x=x, y=y))
        x, high = x + one.width, max(high, HEIGHTS[one.kind])
    return found


def _variable(name: str) -> Any:  # noqa: ANN401 -- the same
    """Return what people choose by. Hosts and colours are few: neither grows with traffic."""
    everything = VariableOption(text="All", value="$__all", selected=True)
    made: Any = dashboard.CustomVariable(name).values("blue,green")
    if name == "host":
        made = dashboard.QueryVariable(name).query('label_values(up{job="node"}, host)')
        made = made.datasource(_source("prometheus"))
        made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = made.label(name).multi(True).include_all(True)  # noqa: FBT003 -- the SDK's way
    return made.all_value(".*").current(everything)


def _mark(tag: str) -> dashboard.AnnotationQuery:
    target = dashboard.AnnotationTarget().limit(100).match_any(False).tags([tag]).type("tags")  # noqa: FBT003 -- the SDK's way
    query = dashboard.AnnotationQuery().name(tag).enable(True)  # noqa: FBT003 -- the SDK's way
    query = query.datasource(DataSourceRef(type_val="datasource", uid="-- Grafana --"))
    return query.icon_color(MARKS[tag]).target(target)


def page(given: Page) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    others = dashboard.DashboardLink("Dash").type(DashboardLinkType.DASHBOARDS).tags(["dash"])
    builder = (
        dashboard.Dashboard(given.title)
        .uid(given.uid)
        .description(given.words)
        .tags(["dash"])
        .readonly()
        .refresh("10s")
        .time("now-30m", "now")
        .timezone("browser")
        .link(others.as_dropdown(True).include_vars(False).keep_time(True))  # noqa: FBT003 -- the SDK's way
    )
    for name in given.variables:
        builder = builder.with_variable(_variable(name))
    for tag in given.marks:
        builder = builder.annotation(_mark(tag))
    for number, (one, place) in enumerate(
        zip(given.panels, _places(given.panels), strict=True), start=1
    ):
        builder = builder.with_panel(panel(one, number, place))
    made: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(builder.build()))
    return made
