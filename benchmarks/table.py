"""Runs as figures that can be compared: CPU per login, over the floor's."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import Run

__all__ = ["Figures", "figures", "lowest_ratio", "ratio", "table"]

MICROSECONDS = 1e6


@dataclass(frozen=True)
class Figures:
    """What a contender's runs come to.

    Attributes:
        name: the contender's.
        runs: how many were counted.
        start: seconds of CPU that a start and an end take, the median.
        microseconds: CPU per login beyond that, the median.
        lowest: of the runs, like highest.
        highest: CPU per login beyond the start, in microseconds.
        whole: CPU per login in microseconds, the start included; the median.
        rate: logins per second by the clock, from start to end; the median.
        megabytes: the largest memory of one process in any run.
    """

    name: str
    runs: int
    start: float
    microseconds: float
    lowest: float
    highest: float
    whole: float
    rate: float
    megabytes: float


def figures(runs: Sequence[Run], starts: Sequence[Run]) -> Figures:
    """Return the figures of a contender's runs.

    Args:
        runs: on the same input, not empty.
        starts: on next to no input, not empty.
    """
    start = median(run.usage.cpu for run in starts)
    # What a longer input would add to each run, by login.
    costs = [
        (run.usage.cpu - start) / (run.records - starts[0].records) * MICROSECONDS for run in runs
    ]
    return Figures(
        name=runs[0].contender,
        runs=len(runs),
        start=start,
        microseconds=median(costs),
        lowest=min(costs),
        highest=max(costs),
        whole=median(run.usage.cpu / run.records * MICROSECONDS for run in runs),
        rate=median(run.records / run.usage.wall for run in runs),
        megabytes=max(run.usage.megabytes for run in runs),
    )


def ratio(of: Figures, floor: Figures) -> float:
    """Return how many times the floor's CPU per login takes."""
    return of.microseconds / floor.microseconds


def lowest_ratio(of: Figures, floor: Figures) -> float:
    """Return the same of each one's lowest run: what else runs on the machine can only add."""
    return of.lowest / floor.lowest


def table(found: Sequence[Figures], titles: dict[str, str], floor: Figures | None) -> str:
    """Return figures as a table in Markdown.

    Args:
        found: a line each, in this order.
        titles: for people, by name.
        floor: what all are compared with; None when it was not run.
    """
    lines = [
        "| | us per login | lowest to highest | times the floor | start, s | us with start "
        "| logins per second | MB per process |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(one, titles[one.name], floor) for one in found]
    return "\n".join(lines)


def _line(one: Figures, title: str, floor: Figures | None) -> str:
    times = f"{ratio(one, floor):.2f}" if floor else "-"
    cells = (
        title,
        f"{one.microseconds:.2f}",
        f"{one.lowest:.2f} to {one.highest:.2f}",
        times,
        f"{one.start:.2f}",
        f"{one.whole:.2f}",
        f"{one.rate:,.0f}",
        f"{one.megabytes:.0f}",
    )
    return f"| {' | '.join(cells)} |"
