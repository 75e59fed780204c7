"""Makes a record of a window's totals."""

from collections.abc import Iterable

import msgspec

from models import Insight
from operators.enrich import iso_time
from operators.event_time import Windowing
from operators.stats import LoginStats
from records import OutputRecord

__all__ = ["insight_records", "iso_time", "make_insight"]

_to_json = msgspec.json.Encoder().encode


def make_insight(start: int, stats: LoginStats, windowing: Windowing, *, final: bool) -> Insight:
    """Return the insight of a window.

    Args:
        start: of the window, in seconds since the epoch.
        stats: the totals of its logins.
        windowing: the length of windows.
        final: whether the window is closed.
    """
    return Insight(
        window_start=iso_time(start),
        window_end=iso_time(windowing.end(start)),
        logins=stats.logins,
        unique_users=stats.users.estimate(),
        users_sketch=stats.users.to_bytes(),
        device_types=stats.device_types.counts(),
        app_versions=stats.app_versions.counts(),
        version_categories=stats.version_categories.counts(),
        locales=stats.locales.counts(),
        quality=stats.quality.counts(),
        final=final,
    )


def insight_records(insights: Iterable[Insight]) -> list[tuple[str, OutputRecord]]:
    """Return insights as records, each with its key, which the engine routes by."""
    return [
        (insight.window_start, {"key": insight.window_start, "value": _to_json(insight)})
        for insight in insights
    ]
