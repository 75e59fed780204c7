"""Figures as a picture: an SVG written by hand, so that no plotting library is needed."""

from collections.abc import Sequence
from html import escape
from itertools import count
from typing import NamedTuple

__all__ = ["Bar", "picture"]

WIDTH, LEFT, RIGHT = 900, 380, 130
TOP, BAR, STEP, FOOT = 50, 18, 30, 20
OURS, OTHER, SPREAD = "#b3541e", "#1f6f8b", "#333"


class Bar(NamedTuple):
    """A contender in the picture."""

    title: str
    value: float
    lowest: float
    highest: float
    label: str
    ours: bool


def picture(title: str, bars: Sequence[Bar]) -> str:
    """Draw a bar for each contender, with its label, and a thin line from lowest to highest.

    Args:
        title: stands above all.
        bars: from top to bottom, not empty.
    """
    height = TOP + STEP * len(bars) + FOOT
    scale = (WIDTH - LEFT - RIGHT) / max(bar.highest for bar in bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" fill="#333">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="20" y="26" font-size="15">{escape(title)}</text>',
    ]
    for bar, top in zip(bars, count(TOP, STEP), strict=False):
        parts += _bar(bar, top, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    base, middle = top + BAR - 4, top + BAR / 2
    lowest, highest = (f"{LEFT + value * scale:.1f}" for value in (bar.lowest, bar.highest))
    colour = OURS if bar.ours else OTHER
    return [
        f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{escape(bar.title)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{bar.value * scale:.1f}" height="{BAR}" '
        f'fill="{colour}"/>',
        f'<line x1="{lowest}" x2="{highest}" y1="{middle}" y2="{middle}" stroke="{SPREAD}"/>',
        f'<text x="{LEFT + bar.highest * scale + 8:.1f}" y="{base}">{escape(bar.label)}</text>',
    ]
