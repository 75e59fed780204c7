"""The numbers of the page: windows added up, and arranged for display."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.places import Places, sort_places
from insights.windows import Window
from operators.stats import UserSketch

__all__ = ["Overview", "Row", "add_up", "ranked"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a ranking.

    Attributes:
        name: text from the stream, or our own.
        count: how many.
        share: of the total, from 0 to 1.
        rest: whether it stands for everything without a row of its own.
    """

    name: str
    count: int
    share: float
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """Several windows added up.

    Attributes:
        windows: the windows themselves, the newest last.
        logins: how many in total.
        unique_users: about how many different users in total.
        device_types: logins by value, like the next two.
        app_versions: as they came.
        version_categories: see the record's contract.
        quality: logins by flag.
        places: logins by US state, by country, and others.
        open: how many of the windows aren't final.
    """

    windows: Sequence[Window]
    logins: int
    unique_users: int
    device_types: Mapping[str, int]
    app_versions: Mapping[str, int]
    version_categories: Mapping[str, int]
    quality: Mapping[str, int]
    places: Places
    open: int


def add_up(windows: Sequence[Window]) -> Overview:
    """Add windows up; users in several windows count once."""
    return Overview(
        windows=windows,
        logins=sum(window.logins for window in windows),
        unique_users=_unique_users(windows),
        device_types=_sum(window.device_types for window in windows),
        app_versions=_sum(window.app_versions for window in windows),
        version_categories=_sum(window.version_categories for window in windows),
        quality=_sum(window.quality for window in windows),
        places=sort_places(_sum(window.locales for window in windows)),
        open=sum(not window.final for window in windows),
    )


def ranked(counts: Mapping[str, int], total: int, rows: int, rest: str) -> list[Row]:
    """Return the greatest counts, and a last row for all others if there are more.

    Args:
        counts: by name.
        total: what the shares are fractions of.
        rows: how many rows at most.
        rest: name of the last row; {} in it becomes the number of names that it stands for.
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ordered if len(ordered) <= rows else ordered[: rows - 1]
    found = [Row(name, count, _share(count, total)) for name, count in shown]
    if others := ordered[len(shown) :]:
        count = sum(count for _, count in others)
        found.append(Row(rest.format(len(others)), count, _share(count, total), rest=True))
    return found


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0


def _sum(maps: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in maps:
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total


def _unique_users(windows: Iterable[Window]) -> int:
    users = UserSketch()
    for window in windows:
        users.merge(window.users)
    return users.estimate()
