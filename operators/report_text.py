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

Section = tuple[str, tuple[Share, ...]]

__all__ = ["as_lines", "as_table", "harmless"]

TABLE_COLUMNS = 80  # of a terminal, the narrowest still common
TWO_COLUMNS_FROM = 60  # in fewer, names have no room beside the numbers
COLUMN_GAP = 2
HEADLINE_ROWS = 4  # the title's, the figures', the names' and an empty one
SECTION_ROWS = 2  # its title's and an empty one
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


def as_table(
    report: Report, columns: int = TABLE_COLUMNS, rows: int | None = None
) -> RenderableType:
    """Return the report as tables of rich, at most 80 columns wide.

    Args:
        report: what to show.
        columns: of the terminal; few of them have the sections one below the other.
        rows: that it should fit into, None for as many as it takes. Sections get shorter, and then
            the last ones go; the headline stays.
    """
    side_by_side = columns >= TWO_COLUMNS_FROM
    sides = _sides(report) if side_by_side else [list(_sections(report))]
    grid = Table.grid(expand=True, padding=(0, COLUMN_GAP if side_by_side else 0, 0, 0))
    for _ in sides:
        grid.add_column(ratio=1)
    room = None if rows is None else rows - HEADLINE_ROWS
    grid.add_row(*(Group(*_fitting_tables(side, room)) for side in sides))
    title = "Logins, final report" if report.final else "Logins"
    return Constrain(Group(Rule(title), _headline(report), "", grid), TABLE_COLUMNS)


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
    yield "per second", "-" if rate is None else f"{rate:,.0f}"
    yield "unique users", f"{report.unique_users:,}"
    yield "dead letters", f"{report.dead_letters:,}"
    late = report.late
    yield late.name, f"{late.count:,} ({_percent(late.share)})" if late.count else "0"


def _sections(report: Report) -> Iterator[Section]:
    """Yield the report's sections in the order of reading."""
    yield "Device types", report.device_types
    yield "App versions", report.app_versions
    yield "Version categories", report.version_categories
    yield "Top locales", report.locales
    yield "Data quality", report.quality
    yield "Dead letters", report.reasons


def _sides(report: Report) -> list[list[Section]]:
    """Return the sections of the left and of the right column."""
    sections = list(_sections(report))
    left = [section for section in sections if section[0] in LEFT_COLUMN]
    return [left, [section for section in sections if section not in left]]


def _fitting_tables(sections: list[Section], room: int | None) -> Iterator[Table]:
    """Yield the sections' tables, the longest ones cut until all fit into so many rows."""
    lengths = [max(1, len(shares)) for _, shares in sections]
    if room is not None:
        while lengths and sum(lengths) + SECTION_ROWS * len(lengths) > room:
            if max(lengths) > 1:
                lengths[lengths.index(max(lengths))] -= 1
            else:
                lengths.pop()
    for (title, shares), length in zip(sections, lengths, strict=False):
        yield _section_table(title, shares, length)


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


def _section_table(title: str, shares: tuple[Share, ...], length: int) -> Table:
    """Return a section; what a name has no room for is cut, numbers never.

    Args:
        title: its name.
        shares: its values.
        length: how many rows there are for them; the last one tells how many have none.
    """
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold cyan")
    table.add_column(title, ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    cut = len(shares) > length > 1
    for share in shares[: length - 1 if cut else length]:
        # A Text is not searched for markup, a plain string is.
        table.add_row(Text(harmless(share.name)), f"{share.count:,}", _percent(share.share))
    if cut:
        table.add_row(Text(f"{len(shares) - length + 1} more", style="dim"))
    if not shares:
        table.add_row(Text("none", style="dim"))
    table.add_row()
    return table
