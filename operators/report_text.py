"""The report as text: lines for a file, a table for a terminal.

Values in it come from outside. A control character, an escape sequence or rich's markup in one
must stay visible, harmless text.
"""

import re
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from operators.report import Report, Share

__all__ = ["as_lines", "as_table", "harmless"]

TABLE_COLUMNS = 80  # of a terminal, the narrowest still common
COLUMN_GAP = 2
LEFT_COLUMN = ("Device types", "App versions", "Dead letters")  # about as long as the others
SMALLEST_SHARE = 0.0005  # less would read 0.0%
# A value of other characters is quoted in a line, so that it can't be taken for two.
PLAIN_VALUE = re.compile(r"[\w.+-]+")


def as_lines(report: Report) -> list[str]:
    """Return the report as lines that all contain `report: `, easy to search a log for."""
    start = "final report: " if report.final else "report: "
    lines = [", ".join(f"{figure} {name}" for name, figure in _figures(report))]
    lines += [f"{title.lower()}: {_listed(shares)}" for title, shares in _sections(report)]
    return [start + line for line in lines]


def as_table(report: Report) -> RenderableType:
    """Return the report as tables of rich, 80 columns wide, in two columns."""
    tables = {title: _section_table(title, shares) for title, shares in _sections(report)}
    columns = Table.grid(expand=True, padding=(0, COLUMN_GAP, 0, 0))
    columns.add_column(ratio=1)
    columns.add_column(ratio=1)
    columns.add_row(
        Group(*(tables[title] for title in LEFT_COLUMN)),
        Group(*(tables[title] for title in tables if title not in LEFT_COLUMN)),
    )
    title = "Logins, final report" if report.final else "Logins"
    return Constrain(Group(Rule(title), _headline(report), "", columns), TABLE_COLUMNS)


def harmless(value: str) -> str:
    r"""Return the value with each character that isn't printable as its escape, like `\x1b`."""
    if value.isprintable():
        return value
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in value
    )


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the headline's names and figures."""
    rate = report.logins_per_second
    yield "logins", f"{report.logins:,}"
    yield "logins a second", "-" if rate is None else f"{rate:,.0f}"
    yield "unique users", f"{report.unique_users:,}"
    yield "dead letters", f"{report.dead_letters:,}"
    late = report.late
    yield late.name, f"{late.count:,} ({_percent(late.share)})" if late.count else "0"


def _sections(report: Report) -> Iterator[tuple[str, tuple[Share, ...]]]:
    """Yield the report's sections in the order of reading."""
    yield "Device types", report.device_types
    yield "App versions", report.app_versions
    yield "Version categories", report.version_categories
    yield "Top locales", report.locales
    yield "Data quality", report.quality
    yield "Dead letters", report.reasons


def _percent(share: float) -> str:
    return "<0.1%" if 0 < share < SMALLEST_SHARE else f"{share:.1%}"


def _listed(shares: tuple[Share, ...]) -> str:
    if not shares:
        return "none"
    return ", ".join(f"{_quoted(s.name)} {s.count:,} ({_percent(s.share)})" for s in shares)


def _quoted(value: str) -> str:
    if PLAIN_VALUE.fullmatch(value):
        return value
    return '"{}"'.format(harmless(value).replace('"', '\\"'))


def _headline(report: Report) -> Table:
    headline = Table.grid(expand=True)
    figures = dict(_figures(report))
    for _ in figures:
        headline.add_column(justify="center", ratio=1)
    headline.add_row(*(Text(figure, style="bold") for figure in figures.values()))
    headline.add_row(*(Text(name, style="dim") for name in figures))
    return headline


def _section_table(title: str, shares: tuple[Share, ...]) -> Table:
    """Return a section; what a name has no room for is cut, numbers never."""
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold cyan")
    table.add_column(title, ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for share in shares:
        # A Text is not searched for markup, a plain string is.
        table.add_row(Text(harmless(share.name)), f"{share.count:,}", _percent(share.share))
    if not shares:
        table.add_row(Text("none", style="dim"))
    table.add_row()
    return table
