"""A soak's samples as a picture: an SVG written by hand, so that no plotting library is needed."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.soak.judge import Sample, lives

__all__ = ["picture"]

WIDTH, PANEL, LEFT, RIGHT, GAP = 900, 150, 80, 20, 50
HEADING = 40
POINTS = 1200  # of a line: more than the picture has columns


class Panel(NamedTuple):
    """One diagram: what it shows, and the lines in it."""

    title: str
    lines: dict[str, Callable[[Sample], float]]


PANELS = (
    Panel("resident memory of the flow, MB", {"#1f6f8b": lambda sample: sample.rss}),
    Panel("lag: input records not yet written", {"#b3541e": lambda sample: sample.lag}),
    Panel(
        "open files (brown) and threads (green)",
        {"#7a5230": lambda sample: sample.files, "#3b7d4f": lambda sample: sample.threads},
    ),
)


def picture(samples: Sequence[Sample], restarts: Sequence[tuple[float, str]], title: str) -> str:
    """Draw the samples over time, and the restarts as dashed lines.

    Args:
        samples: in order of time, not empty.
        restarts: seconds, and what was done.
        title: stands above all.
    """
    height = HEADING + len(PANELS) * (PANEL + GAP)
    seconds = samples[-1].seconds
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>',
    ]
    for number, panel in enumerate(PANELS):
        top = HEADING + number * (PANEL + GAP) + 16
        parts += _panel(panel, top, samples, seconds)
        parts += _restarts(restarts, top, seconds, named=number == 0)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, top: int, samples: Sequence[Sample], seconds: float) -> Iterator[str]:
    highest = _round_up(max(get(sample) for get in panel.lines.values() for sample in samples))
    yield f'<text x="{LEFT}" y="{top - 5}">{panel.title}</text>'
    for share in (0.0, 0.5, 1.0):
        y = top + PANEL * (1 - share)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{highest * share:,g}</text>'
    for minute in _minutes(seconds):
        x = _x(minute * 60, seconds)
        yield f'<text x="{x:.1f}" y="{top + PANEL + 15}" text-anchor="middle">{minute} min</text>'
    step = max(1, len(samples) // POINTS)
    for life in lives(samples):
        for colour, get in panel.lines.items():
            points = " ".join(
                f"{_x(sample.seconds, seconds):.1f},{top + PANEL * (1 - get(sample) / highest):.1f}"
                for sample in life[::step]
            )
            yield f'<polyline points="{points}" fill="none" stroke="{colour}"/>'


def _restarts(
    restarts: Sequence[tuple[float, str]], top: int, seconds: float, *, named: bool
) -> Iterator[str]:
    for at, what in restarts:
        x = f"{_x(at, seconds):.1f}"
        yield (
            f'<line x1="{x}" x2="{x}" y1="{top}" y2="{top + PANEL}" '
            'stroke="#999" stroke-dasharray="3 3"/>'
        )
        if named:
            yield f'<text x="{x}" y="{top + PANEL - 5}" font-size="10" fill="#777"> {what}</text>'


def _x(at: float, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / seconds


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, ... that is not less."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _minutes(seconds: float) -> range:
    """Return some ten whole minutes to be named below a diagram."""
    step = max(1, math.ceil(seconds / 60 / 10))
    return range(0, int(seconds / 60) + 1, step)
