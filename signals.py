"""The signals that end a program: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (a closed terminal)."""

import contextlib
import os
import signal
import termios
import time
from collections.abc import Callable
from errno import EIO, ENXIO
from functools import partial
from types import FrameType

from background import run_in_background

__all__ = ["interrupt_once", "on_stop_signals", "stop_with_make"]

Handler = Callable[[int, FrameType | None], object]

PARENT_SECONDS = 0.5  # how soon the end of make is noticed
STREAMS = (0, 1, 2)  # standard input, output and error
HUNG_UP = (EIO, ENXIO)  # errors that mean a closed terminal


def on_stop_signals(handler: Handler) -> None:
    """Have SIGTERM and SIGINT call a handler; SIGHUP then acts like SIGTERM.

    A second SIGHUP does nothing: shell and kernel both send one when a terminal is closed. If
    SIGHUP is ignored at startup, as with nohup, it stays ignored.

    Args:
        handler: called between any two instructions of the main thread, which may hold any lock: it
            must neither take a lock (an Event has one, a log another) nor print.
    """

    def handle(signum: int, frame: FrameType | None) -> None:
        _detach_from_closed_terminal()
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
    """Send this program a SIGTERM when make has started it and can't pass one on.

    Either make is killed; or it leads the session, as with `ssh -t HOST make run`, and is the only
    one to get SIGHUP from a closed terminal: then it waits for its child processes. This is only
    for make: a shell signals its jobs, and may end before them on purpose.
    """
    if "MAKELEVEL" in os.environ:
        heeds_hangup = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        terminal = STREAMS if heeds_hangup else ()
        run_in_background("make", partial(_terminate_without, os.getppid(), terminal))


def _terminate_without(parent: int, terminal: tuple[int, ...]) -> None:
    while os.getppid() == parent and not any(map(_is_hung_up, terminal)):
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _hang_up(_signum: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.raise_signal(signal.SIGTERM)


def _detach_from_closed_terminal() -> None:
    """Discard all further output if the terminal is closed: printing would fail."""
    for stream in STREAMS:
        if _is_hung_up(stream):
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, stream)
                os.close(nowhere)


def _is_hung_up(stream: int) -> bool:
    """Tell whether a stream is a terminal that was closed."""
    try:
        termios.tcgetattr(stream)
    except termios.error as error:
        return error.args[0] in HUNG_UP
    return False
