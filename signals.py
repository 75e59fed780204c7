"""The signals that end a program: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (a closed terminal)."""

import contextlib
import os
import signal
import termios
import time
from collections.abc import Callable
from errno import ENOTTY
from functools import partial
from types import FrameType

from background import run_in_background

__all__ = ["interrupt_once", "on_stop_signals", "stop_with_make"]

Handler = Callable[[int, FrameType | None], object]

PARENT_SECONDS = 0.5  # how soon the end of make is seen
OUTPUTS = (1, 2)  # standard output and standard error


def on_stop_signals(handler: Handler) -> None:
    """Have SIGTERM and SIGINT call a handler; SIGHUP does what SIGTERM does then.

    A second SIGHUP does nothing: shell and kernel both send one when a terminal is closed. A SIGHUP
    that is ignored at the start, as by nohup, stays ignored.

    Args:
        handler: is called between any two instructions of the main thread, which may hold any lock:
            it must neither take one (an Event has one, a log another) nor print.
    """

    def handle(signum: int, frame: FrameType | None) -> None:
        _let_go_of_a_closed_terminal()
        handler(signum, frame)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hang_up)


def interrupt_once() -> None:
    """Have the first of these signals raise KeyboardInterrupt, and ignore those that follow."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        raise KeyboardInterrupt

    on_stop_signals(interrupt)


def stop_with_make() -> None:
    """Get a SIGTERM when make, if that is what started this program, is killed.

    Only of make: a shell may end before what it started, and on purpose.
    """
    if "MAKELEVEL" in os.environ:
        run_in_background("make", partial(_terminate_without, os.getppid()))


def _terminate_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _hang_up(_signum: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.raise_signal(signal.SIGTERM)


def _let_go_of_a_closed_terminal() -> None:
    """Discard what is printed from now on if the terminal is gone: printing would fail."""
    for output in OUTPUTS:
        try:
            termios.tcgetattr(output)
        except termios.error as error:
            if error.args[0] != ENOTTY:
                with contextlib.suppress(OSError):
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, output)
                    os.close(nowhere)
