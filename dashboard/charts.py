"""What the charts draw, as options of ECharts: https://echarts.apache.org/en/option.html.

Text from the stream is only ever a value in these options, never a key: NiceGUI runs the values of
keys that begin with a colon. Tooltips are drawn on the canvas (`richText`), not as HTML.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from dashboard.overview import Overview
from dashboard.palette import Palette
from insights.windows import Window

__all__ = ["adoption", "grouped", "logins", "pace", "shown_versions"]

Options = dict[str, Any]
Point = tuple[int, float | None]  # milliseconds since the epoch, and a value

FONT = "Roboto, system-ui, sans-serif"
VERSIONS_SHOWN = 7
OTHER_VERSIONS = "all others"
LONGEST_NAME = 18  # characters of a version in the legend
POINTS_WITH_MARKS = 40  # with few windows each is marked: a single one would be invisible
ADOPTION_POINTS = 125
ROUNDING = 0.05  # percent: rounded shares may leave this much over
# JavaScript: how the browser writes a value.
ONE_PLACE = "v => v == null ? '-' : v.toFixed(1) + ' %'"
THOUSANDS = "v => v == null ? '-' : v.toLocaleString('en')"


def logins(overview: Overview, palette: Palette) -> Options:
    """Draw logins and unique users of each window over time."""
    windows = overview.windows
    marks = len(windows) <= POINTS_WITH_MARKS
    counts = _points(windows, [float(window.logins) for window in windows], 0.0)
    users = _points(windows, [float(window.unique_users) for window in windows], 0.0)
    first = {**_line("Logins", counts, palette.accent, marks=marks), "areaStyle": {"opacity": 0.14}}
    second = _line("Unique users", users, palette.second, marks=marks)
    return {
        **_frame(palette, ["Logins", "Unique users"], THOUSANDS),
        "yAxis": {
            **_value_axis("logins, users in each window", palette),
            "axisLabel": _labels(palette, THOUSANDS),
        },
        "series": [first, second],
    }


def adoption(overview: Overview, palette: Palette) -> Options:
    """Draw each version's share of the logins over time, the newest version at the bottom.

    Many windows are drawn in groups: shares of few logins fluctuate and hide what changes.
    """
    size = -(-len(overview.windows) // ADOPTION_POINTS)
    groups = grouped(overview.windows, size)
    names = shown_versions(overview.app_versions)
    rows = [_shares(group, names) for group in groups]
    series = [
        _share_line(_short(name), groups, [row[place] for row in rows], colour)
        for place, (name, colour) in enumerate(
            zip(names, _colours(len(names), palette), strict=True)
        )
    ]
    others = [max(0.0, round(100.0 - sum(row), 2)) for row in rows]
    if any(value > ROUNDING for value in others):
        series.append(_share_line(OTHER_VERSIONS, groups, others, palette.rest))
    unit = "% of a window's logins" if size <= 1 else f"% of logins, {size} windows per point"
    return {
        **_frame(palette, [line["name"] for line in series], ONE_PLACE),
        "yAxis": {**_value_axis(unit, palette), "max": 100, "interval": 25},
        # By position: ECharts would match series by name and keep the order of earlier versions.
        "series": [{**line, "id": str(place)} for place, line in enumerate(series)],
    }


def pace(history: Sequence[tuple[int, float]], palette: Palette) -> Options:
    """Draw records per second over the last minutes, small and without axes."""
    points: list[Point] = [(second * 1_000, round(pace, 2)) for second, pace in history]
    line = _line("Logins", points, palette.accent, marks=False)
    line["areaStyle"] = {"opacity": 0.16}
    return {
        "animation": False,
        "grid": {"left": 0, "right": 0, "top": 2, "bottom": 1},
        "xAxis": {"type": "time", "show": False},
        "yAxis": {"type": "value", "show": False, "min": 0},
        "series": [line],
    }


def shown_versions(counts: Mapping[str, int]) -> list[str]:
    """Return the versions with most logins, the newest first; what isn't a version comes last."""
    frequent = sorted(counts, key=lambda name: (-counts[name], name))[:VERSIONS_SHOWN]
    return sorted(frequent, key=_version_order, reverse=True)


def grouped(windows: Sequence[Window], size: int) -> list[Sequence[Window]]:
    """Return windows in groups of at most `size`, always split at the same times."""
    if size <= 1:
        return [[window] for window in windows]
    length = size * (windows[-1].end - windows[-1].start)
    return [list(group) for _, group in groupby(windows, lambda window: window.start // length)]


def _version_order(name: str) -> tuple[bool, list[int], str]:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,3}", name, re.ASCII):
        return True, [int(group) for group in name.split(".")], name
    return False, [], name


def _short(name: str) -> str:
    """Return a version as a legend shows it; ECharts joins series of the same name."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _shares(group: Sequence[Window], names: Sequence[str]) -> list[float]:
    total = sum(window.logins for window in group) or 1
    return [
        round(100.0 * sum(window.app_versions.get(name, 0) for window in group) / total, 2)
        for name in names
    ]


def _colours(count: int, palette: Palette) -> list[str]:
    """Return a colour for each version; few versions are spread over the whole scale."""
    last = len(palette.steps) - 1
    return [palette.steps[last - round(place * last / max(1, count - 1))] for place in range(count)]


def _points(windows: Sequence[Window], values: Sequence[float], gap: float | None) -> list[Point]:
    """Return a value for each window, and `gap` on both sides of where windows are missing.

    A window without logins isn't written, so between two windows there were none.
    """
    points: list[Point] = []
    last: Window | None = None
    for window, value in zip(windows, values, strict=True):
        if last is not None and window.start > last.end:
            points += [(last.end * 1_000, gap), ((window.start - 1) * 1_000, gap)]
        points.append((window.start * 1_000, value))
        last = window
    return points


def _line(name: str, points: Sequence[Point], colour: str, *, marks: bool) -> Options:
    return {
        "type": "line",
        "name": name,
        "data": points,
        "color": colour,
        "showSymbol": marks,
        "symbol": "circle",
        "symbolSize": 5,
        "lineStyle": {"width": 1.3},
        "emphasis": {"disabled": True},
    }


def _share_line(
    name: str, groups: Sequence[Sequence[Window]], values: Sequence[float], colour: str
) -> Options:
    points = [(group[0].start * 1_000, value) for group, value in zip(groups, values, strict=True)]
    return {
        **_line(name, points, colour, marks=len(groups) == 1),
        "stack": "share",
        "areaStyle": {"opacity": 1, "color": colour},
        "lineStyle": {"width": 0},
    }


def _frame(palette: Palette, names: Sequence[str], write: str) -> Options:
    """Return what all charts over time have in common."""
    text = _text(palette)
    return {
        "animation": False,
        "useUTC": True,
        "textStyle": {"fontFamily": FONT},
        "grid": {"left": 8, "right": 14, "top": 62, "bottom": 24, "containLabel": True},
        "legend": {
            "data": list(names),
            "top": 0,
            "left": 0,
            "type": "scroll",
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "itemGap": 14,
            "textStyle": text,
            "pageTextStyle": {"color": palette.muted},
            "pageIconColor": palette.ink,
            "pageIconInactiveColor": palette.line,
        },
        "tooltip": {
            "trigger": "axis",
            "renderMode": "richText",
            "confine": True,
            "backgroundColor": palette.surface,
            "borderColor": palette.line,
            "textStyle": {"color": palette.ink, "fontFamily": FONT, "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": palette.muted, "type": "solid"}},
            ":valueFormatter": write,
        },
        "xAxis": {
            "type": "time",
            "name": "start of the window (UTC)",
            "nameLocation": "middle",
            "nameGap": 30,
            "nameTextStyle": text,
            "axisLine": {"lineStyle": {"color": palette.line}},
            "axisTick": {"show": False},
            "axisLabel": {**text, "hideOverlap": True},
            "splitLine": {"show": False},
        },
    }


def _value_axis(name: str, palette: Palette) -> Options:
    return {
        "type": "value",
        "name": name,
        "nameLocation": "end",
        "nameGap": 12,
        "nameTextStyle": {**_text(palette), "align": "left"},
        "axisLabel": _text(palette),
        "splitLine": {"lineStyle": {"color": palette.line}},
        "splitNumber": 4,
        "minInterval": 1,
    }


def _labels(palette: Palette, write: str) -> Options:
    return {**_text(palette), ":formatter": write}


def _text(palette: Palette) -> Options:
    return {"color": palette.muted, "fontFamily": FONT, "fontSize": 12}
