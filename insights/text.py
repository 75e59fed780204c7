"""Windows for a terminal, as a table, or for other programs, as JSON lines."""

from collections.abc import Iterable, Mapping

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from insights.windows import Window
from operators.insights import iso_time
from operators.report_text import harmless

__all__ = ["as_json", "as_table"]

TABLE_COLUMNS = 118
TOP = 2  # values named of each map
LONGEST_VALUE = 14  # characters
# Title, width and alignment; fixed widths, so that what follows later stands below what came first.
COLUMNS = (
    ("window (UTC)", 20, "left"),
    ("logins", 9, "right"),
    ("users", 9, "right"),
    ("devices", 21, "left"),
    ("versions", 22, "left"),
    ("locales", 18, "left"),
)


def as_json(window: Window) -> str:
    """Return a window as a line of JSON: the record as on its topic, without users_sketch."""
    return msgspec.json.encode(
        {
            "window_start": iso_time(window.start),
            "window_end": iso_time(window.end),
            "logins": window.logins,
            "unique_users": window.unique_users,
            "device_types": window.device_types,
            "app_versions": window.app_versions,
            "version_categories": window.version_categories,
            "locales": window.locales,
            "quality": window.quality,
            "final": window.final,
        }
    ).decode()


def as_table(windows: Iterable[Window], *, head: bool) -> str:
    """Return windows as lines of a table, a window that isn't final with `*`.

    Args:
        windows: the newest last.
        head: whether the columns' titles come first.
    """
    table = Table(box=SIMPLE_HEAD, show_header=head, show_edge=False, pad_edge=False)
    for title, width, justify in COLUMNS:
        table.add_column(
            title, width=width, justify="right" if justify == "right" else "left", no_wrap=True
        )
    for window in windows:
        table.add_row(*map(Text, _cells(window)))
    console = Console(width=TABLE_COLUMNS, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _cells(window: Window) -> tuple[str, ...]:
    mark = "" if window.final else "*"
    return (
        f"{iso_time(window.start)[:-1].replace('T', ' ')}{mark}",
        f"{window.logins:,}",
        f"{window.unique_users:,}",
        _top(window.device_types, window.logins),
        _top(window.app_versions, window.logins),
        _top(window.locales, window.logins),
    )


def _top(counts: Mapping[str, int], total: int) -> str:
    """Name the most frequent values with their shares."""
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return ", ".join(f"{_cut(value)} {count / max(1, total):.0%}" for value, count in first)


def _cut(value: str) -> str:
    text = harmless(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
