"""The components of the page: figures, rankings, tiles. None reads text from the stream as HTML."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from dashboard.overview import Row
from dashboard.places import STATE_TILES
from dashboard.words import number, percent

__all__ = ["NO_VALUE", "Figure", "Ranking", "StateMap", "Text", "box", "card", "mark_class"]

NO_VALUE = "-"
ONE_DIGIT = 9.95  # from here on, a value rounds to two digits before the point
LEAST_LEVEL = 0.06  # a state with one login among thousands must not look empty
SCALE_LEVELS = (0, 20, 40, 60, 80, 100)
DARK_LEVEL = 0.55  # from here on, a tile is so dark that its text has to change colour


class Text(TextElement):
    """Text in a tag; it is only sent when it changes, and never read as HTML."""

    def __init__(self, tag: str, text: str = "", classes: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


def box(classes: str, tag: str = "div") -> Element:
    """Return an element that contains others."""
    return ui.element(tag).classes(classes)


@contextmanager
def card(title: str, classes: str) -> Iterator[Text]:
    """Put what the block creates into a card; yield the line below the card's title."""
    with box(f"card {classes}", "section"):
        with box("card-head"):
            Text("h2", title)
            note = Text("p", classes="note")
        yield note


class Figure:
    """A number with its name and a line that explains it.

    Args:
        title: its name.
        name: of its class on the page, for tests and scripts.
    """

    def __init__(self, title: str, name: str) -> None:
        with box(f"card figure figure-{name}", "section") as self.root:
            Text("h2", title)
            with box("figure-line"):
                self._value = Text("output", NO_VALUE, f"value value-{name}")
                self._unit = Text("span", classes="unit")
            self._note = Text("p", classes="note")

    def show(self, value: str, unit: str, note: str, *, alarm: bool = False) -> None:
        """Show a value, its unit, and an explanation."""
        self._value.set_text(value)
        self._unit.set_text(unit)
        self._note.set_text(note)
        mark_class(self.root, "alarm", on=alarm)


class Ranking:
    """Names with bars, the greatest first; its rows are created once and then only changed.

    Args:
        rows: how many at most.
        nothing: the text shown when there is nothing to rank.
        name: of its class on the page, for tests and scripts.
    """

    def __init__(self, rows: int, nothing: str, name: str) -> None:
        with box(f"ranking ranking-{name}", "ol"):
            self._rows = [_RankingRow() for _ in range(rows)]
        self._nothing = Text("p", nothing, "nothing")

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows in the order given."""
        greatest = max((row.count for row in rows if not row.rest), default=0)
        for place, line in enumerate(self._rows):
            line.show(rows[place] if place < len(rows) else None, greatest)
        mark_class(self._nothing, "hidden", on=bool(rows))


class _RankingRow:
    def __init__(self) -> None:
        with box("rank hidden", "li") as self._root:
            self._name = Text("bdi", classes="rank-name")
            self._count = Text("span", classes="rank-count")
            self._share = Text("span", classes="rank-share")
            with box("bar"):
                self._bar = box("bar-fill")

    def show(self, row: Row | None, greatest: int) -> None:
        mark_class(self._root, "hidden", on=row is None)
        if row is None:
            return
        self._name.set_text(row.name)
        self._count.set_text(number(row.count))
        self._share.set_text(percent(row.share))
        _style(self._bar, f"width: {min(100.0, 100 * row.count / max(1, greatest)):.1f}%")
        mark_class(self._root, "rest", on=row.rest)


class StateMap:
    """The US states as tiles on a grid, darker with more logins."""

    def __init__(self) -> None:
        with box("states"):
            self._tiles = {state: _Tile(state, *place) for state, place in STATE_TILES.items()}
        with box("scale note"):
            Text("span", "none")
            for level in SCALE_LEVELS:
                box("scale-step").style(f"--level: {level}%")
            self._most = Text("span")

    def show(self, states: Mapping[str, int]) -> None:
        """Show the logins of each state."""
        greatest = max(states.values(), default=0)
        self._most.set_text(f"{number(greatest)} logins")
        for state, tile in self._tiles.items():
            tile.show(states.get(state, 0), greatest)


class _Tile:
    def __init__(self, state: str, row: int, column: int) -> None:
        self._state = state
        with box(f"tile state-{state}").style(f"grid-area: {row} / {column}") as self._root:
            Text("span", state, "tile-name")
            self._count = Text("span", classes="tile-count")

    def show(self, count: int, greatest: int) -> None:
        share = count / greatest if greatest else 0.0
        level = max(LEAST_LEVEL, share) if count else 0.0
        self._count.set_text(_short(count) if count else "")
        _style(self._root, f"--level: {100 * level:.0f}%")
        mark_class(self._root, "strong", on=level >= DARK_LEVEL)
        _prop(self._root, "title", f"{self._state}: {number(count)} logins")


def _short(count: int) -> str:
    """Return a count in at most four characters, to fit in a tile."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            value = count / size
            return f"{value:.1f}{unit}" if value < ONE_DIGIT else f"{value:.0f}{unit}"
    return str(count)


def mark_class(element: Element, name: str, *, on: bool) -> None:
    """Set or remove a class, and send the element only if that changes it."""
    if on != (name in element.classes):
        element.classes(add=name) if on else element.classes(remove=name)


def _style(element: Element, declaration: str) -> None:
    """Set a declaration of an element's style, and send the element only if that changes it."""
    name, _, value = declaration.partition(": ")
    if element.style.get(name) != value:
        element.style(declaration)


def _prop(element: Element, name: str, value: str) -> None:
    """Set an attribute, and send the element only if that changes it."""
    if element.props.get(name) != value:
        element.props[name] = value
        element.update()
