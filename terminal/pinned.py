"""Lines that stay at the bottom of a terminal, while all other output scrolls above them.

The terminal itself keeps them apart, by its scroll region: so no line is overwritten or lost,
whichever process writes it there (ADR 22).
"""

import os
from collections.abc import Sequence
from threading import Lock
from typing import TextIO

__all__ = ["RELEASE", "PinnedLines"]

LEAST_SCROLLING_ROWS = 6  # what is left for other output: the newest few lines of a log
SAVE_CURSOR, RESTORE_CURSOR = "\x1b7", "\x1b8"
# Has the whole screen scroll again, which moves the cursor; then clears what is below the cursor.
RELEASE = f"{SAVE_CURSOR}\x1b[r{RESTORE_CURSOR}\x1b[J"
CLEAR_LINE = "\x1b[2K"
# A name's width in the terminal may differ from what we think: it's cut there, and wraps nothing.
WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"
DOWN_OR_SCROLL = "\x1bD"
NO_CURSOR_MOVES = ("", "dumb", "unknown")  # values of TERM


class PinnedLines:
    """The lowest rows of a terminal.

    Each change is one write, so that another process's line can't come in between.

    Args:
        terminal: a text file that is a terminal.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._size = os.terminal_size((0, 0))
        self._height = 0
        self._released = False
        self._lock = Lock()  # a thread that ends the process may release what another one shows

    @staticmethod
    def possible(terminal: TextIO) -> bool:
        """Tell whether a file is a terminal in which lines can be pinned."""
        if not terminal.isatty() or os.environ.get("TERM", "") in NO_CURSOR_MOVES:
            return False
        return os.get_terminal_size(terminal.fileno()).lines > LEAST_SCROLLING_ROWS

    def room(self) -> tuple[int, int]:
        """Return how many columns and rows there are for lines, at least one of each."""
        columns, rows = os.get_terminal_size(self._terminal.fileno())
        return max(1, columns), max(1, rows - LEAST_SCROLLING_ROWS)

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the former ones; what there is no room for is left out."""
        with self._lock:
            if not self._released:
                self._write(self._place(len(lines)) + self._drawn(lines))

    def release(self, text: str = "") -> None:
        """Give the rows back, for good, and write a text where other output goes on."""
        with self._lock:
            given_back = RELEASE if self._height else ""
            self._released, self._height = True, 0
            if given_back or text:
                self._write(given_back + text)

    def _place(self, wanted: int) -> str:
        """Make as many rows as wanted our own. They never get fewer: lines would jump."""
        size = os.get_terminal_size(self._terminal.fileno())
        text = ""
        if size != self._size:
            text = RELEASE if self._height else ""
            self._size, self._height = size, 0
        further = min(wanted, self.room()[1]) - self._height
        if further <= 0:
            return text
        self._height += further
        scrolling = size.lines - self._height
        # The rows are scrolled free first; the cursor stays with the other output.
        return (
            f"{text}{DOWN_OR_SCROLL * further}\x1b[{further}A"
            f"{SAVE_CURSOR}\x1b[1;{scrolling}r{RESTORE_CURSOR}"
        )

    def _drawn(self, lines: Sequence[str]) -> str:
        top = self._size.lines - self._height + 1
        padded = [*lines, *[""] * self._height][: self._height]
        rows = (f"\x1b[{top + row};1H{CLEAR_LINE}{line}" for row, line in enumerate(padded))
        return f"{SAVE_CURSOR}{WRAP_OFF}{''.join(rows)}{WRAP_ON}{RESTORE_CURSOR}"

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()
