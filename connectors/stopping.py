"""How a running flow stops: drained on a signal, at once on an unrecoverable error."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from threading import Event, Lock
from types import FrameType
from typing import NoReturn, Protocol

import structlog
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from background import run_in_background
from signals import on_stop_signals

__all__ = [
    "LEFT_UNREAD_STATUS",
    "StopSink",
    "before_exit",
    "before_the_last_line",
    "block_if_ending",
    "drain_on_signals",
    "end_with_status",
    "stop_process",
    "when_draining",
]

log = structlog.get_logger()

# Exit status of a STOP_AT_END run that couldn't read everything up to the input's end.
LEFT_UNREAD_STATUS = 3

_ending = Lock()  # acquired, and never released, by the thread that ends the process
_last_steps: list[Callable[[], None]] = []
_steps_before_the_line: list[Callable[[], None]] = []
_draining_steps: list[Callable[[], None]] = []


def drain_on_signals() -> Event:
    """Return an event that SIGTERM, SIGINT or SIGHUP sets; a second signal ends the process.

    The engine itself dies on SIGTERM without a snapshot and ends with an error on SIGINT. Sources
    that end when the event is set make it drain: last batch, last snapshot, exit status 0.

    The event is set by a thread, since a handler may not take its lock. The interpreter writes each
    signal into a pipe that the thread reads, even while the main thread is within the engine.
    """
    draining = Event()
    signals, written = os.pipe()
    os.set_blocking(written, False)  # required by set_wakeup_fd
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    on_stop_signals(_end_on_the_next)
    run_in_background("signals", partial(_set_on_signal, signals, draining))
    return draining


def _end_on_the_next(_signum: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _set_on_signal(signals: int, draining: Event) -> None:
    signum = os.read(signals, 1)[0]
    draining.set()
    for step in _draining_steps:
        _attempt(step)
    log.info("stopping", signal=signal.Signals(signum).name, then="a second signal ends at once")


class StopRequest(Protocol):
    """An item that ends the process."""

    @property
    def message(self) -> str:
        """What happened and what to do."""

    @property
    def at_end(self) -> bool:
        """Whether the input has ended, so that the process ends by itself."""


class StopSink(DynamicSink[StopRequest]):
    """Ends the process with status 1 and a message as soon as an item arrives."""

    def build(
        self, _step_id: str, _worker_index: int, _worker_count: int
    ) -> "StatelessSinkPartition[StopRequest]":
        """Return the sink of one worker."""
        return _StopPartition()


class _StopPartition(StatelessSinkPartition[StopRequest]):
    def write_batch(self, items: list[StopRequest]) -> None:
        """End at once, or if the input has ended, once everything is written."""
        if not items[0].at_end:
            stop_process(items[0].message)
        end_with_status(1, items[0].message)


def end_with_status(status: int, message: str) -> None:
    """Log what happened and what to do; once everything is written, the process ends with a status.

    The engine ends with status 0 whenever the input has ended.
    """
    log.error(message)
    atexit.register(_end_now, status)


def _end_now(status: int) -> NoReturn:
    try:
        _flush()
    finally:
        os._exit(status)


def stop_process(message: str, note: Callable[[], None] | None = None) -> NoReturn:
    """Log what happened and what to do, as one line, and end the process with status 1.

    An exception would pass through the engine, which prints pages of traceback and aborts when two
    partitions fail together. Nothing is lost by ending here: an open transaction never commits, and
    the next start resumes from the progress records. If several threads call this, the first one
    logs its line; the others wait for the end.

    Args:
        message: the line.
        note: called before the line is logged, only for that first thread, to count what happened.
    """
    if not _ending.acquire(blocking=False):
        Event().wait()
    try:
        if note is not None:
            note()
        for step in _steps_before_the_line:
            _attempt(step)
        log.error(message)
        for step in (_flush, *_last_steps):
            _attempt(step)
    finally:
        os._exit(1)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _attempt(step: Callable[[], None]) -> None:
    """Take one of the last steps; if it fails, later ones are still taken."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever it is, the process ends
        log.warning("a step before the end failed", error=f"{type(error).__name__}: {error}")


def block_if_ending() -> None:
    """Return at once, or never if the process is ending, when nothing more may be read."""
    if _ending.locked():
        Event().wait()


def before_the_last_line(step: Callable[[], None]) -> None:
    """Have stop_process call this before its line, which is to be the last one."""
    _steps_before_the_line.append(step)


def when_draining(step: Callable[[], None]) -> None:
    """Have this called when a signal has begun to drain the flow."""
    _draining_steps.append(step)


def before_exit(step: Callable[[], None]) -> None:
    """Have stop_process call this after its line, before the process ends."""
    _last_steps.append(step)
