"""A terminal for tests: what a person would see of what was written to a pseudo-terminal."""

import fcntl
import os
import re
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread

__all__ = ["PseudoTerminal", "Screen", "pseudo_terminal"]

SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|\x1b([78D])")


class Screen:
    """Rows and columns, with the few control sequences of VT100 that programs here write.

    Anything else raises an AssertionError, so that nothing is taken for understood.

    Args:
        columns: of the screen.
        rows: of the screen.

    Attributes:
        history: lines that were scrolled off the top.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.history: list[str] = []
        self._columns, self._rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._saved = (0, 0)
        self._top, self._bottom = 0, rows - 1
        self._wraps = True

    def feed(self, text: str) -> None:
        """Show more output."""
        position = 0
        while position < len(text):
            if found := SEQUENCE.match(text, position):
                self._obey(found)
                position = found.end()
            else:
                self._put(text[position])
                position += 1

    @property
    def lines(self) -> list[str]:
        """The rows as text, without the blanks at their ends."""
        return ["".join(row).rstrip() for row in self._cells]

    def everything(self) -> str:
        """Return what a person who scrolls back can read."""
        return "\n".join([*self.history, *self.lines])

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        else:
            assert character.isprintable(), repr(character)
            if self._column == self._columns:
                if not self._wraps:
                    return
                self._column = 0
                self._down()
            self._cells[self._row][self._column] = character
            self._column += 1

    def _down(self) -> None:
        if self._row != self._bottom:
            self._row = min(self._row + 1, self._rows - 1)
            return
        gone = self._cells.pop(self._top)
        if self._top == 0:
            self.history.append("".join(gone).rstrip())
        self._cells.insert(self._bottom, [" "] * self._columns)

    def _obey(self, found: re.Match[str]) -> None:
        private, numbers, letter, short = found.groups()
        if short:
            self._obey_short(short)
            return
        first, second = ([int(n or 0) for n in numbers.split(";")] + [0, 0])[:2]
        known: dict[str, Callable[[], None]] = {
            "m": lambda: None,  # colours
            "H": partial(self._move, max(1, first) - 1, max(1, second) - 1),
            "A": partial(self._move, max(self._top, self._row - max(1, first)), self._column),
            "J": self._clear_below,
            "K": partial(self._clear_line_from, 0),
            "r": partial(self._scroll_within, max(1, first) - 1, (second or self._rows) - 1),
            "?l": partial(self._wrap, at_end=False),
            "?h": partial(self._wrap, at_end=True),
        }
        expected = {"J": (0,), "K": (2,), "?l": (7,), "?h": (7,)}.get(private + letter, (first,))
        assert private + letter in known, f"unexpected sequence {found.group()!r}"
        assert first in expected, f"unexpected sequence {found.group()!r}"
        known[private + letter]()

    def _obey_short(self, letter: str) -> None:
        if letter == "7":
            self._saved = (self._row, self._column)
        elif letter == "8":
            self._row, self._column = self._saved
        else:
            self._down()

    def _move(self, row: int, column: int) -> None:
        self._row, self._column = row, column

    def _wrap(self, *, at_end: bool) -> None:
        self._wraps = at_end

    def _scroll_within(self, top: int, bottom: int) -> None:
        self._top, self._bottom = top, bottom
        self._move(0, 0)

    def _clear_below(self) -> None:
        self._clear_line_from(self._column)
        for row in range(self._row + 1, self._rows):
            self._cells[row] = [" "] * self._columns

    def _clear_line_from(self, column: int) -> None:
        self._cells[self._row][column:] = [" "] * (self._columns - column)


class PseudoTerminal:
    """One end of a pseudo-terminal; what is written to the other one is collected.

    Attributes:
        own: the file descriptor that a program has as its terminal.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self._outside, self.own = os.openpty()
        self.resize(columns, rows)
        self._written = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def written(self) -> str:
        """All that was written so far."""
        return self._written.decode(errors="replace")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._columns, self._rows = columns, rows
        fcntl.ioctl(self.own, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def screen(self) -> Screen:
        """Return what a person sees now."""
        screen = Screen(self._columns, self._rows)
        screen.feed(self.written)
        return screen

    def close(self) -> None:
        """Wait for what is still to be read, and close both ends."""
        os.close(self.own)
        self._reader.join(10)
        os.close(self._outside)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._outside, 65_536)
            except OSError:  # the program's end was closed
                return
            self._written += data


@contextmanager
def pseudo_terminal(columns: int = 80, rows: int = 24) -> Iterator[PseudoTerminal]:
    """Open a pseudo-terminal of a size."""
    terminal = PseudoTerminal(columns, rows)
    try:
        yield terminal
    finally:
        terminal.close()
