"""How a running flow stops: drained on a signal, at once on what it can't go on from."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from threading import Event
from types import FrameType
from typing import NoReturn, Protocol

import structlog
from bytewax.outputs import DynamicSink, StatelessSinkPartition

__all__ = ["StopSink", "before_the_end", "drain_on_signals", "stop_process"]

log = structlog.get_logger()

_last_steps: list[Callable[[], None]] = []


def drain_on_signals() -> Event:
    """Return an event that the first SIGTERM or SIGINT sets; a second signal ends the process.

    The engine itself dies on SIGTERM without a snapshot and ends with an error on SIGINT. Sources
    that end when the event is set make it drain: last batch, last snapshot, exit status 0.
    """
    draining = Event()

    def drain(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        draining.set()
        log.info(
            "stopping", signal=signal.Signals(signum).name, then="a second signal ends at once"
        )

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
    return draining


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
        """End at once, or, when the flow is at its end, once all of it is written."""
        if not items[0].at_end:
            stop_process(items[0].message)
        log.error(items[0].message)
        atexit.register(os._exit, 1)


def stop_process(message: str) -> NoReturn:
    """Log what happened and what to do, as one line, and end the process with status 1.

    An exception would travel through the engine instead, which prints pages of trace and aborts
    when two partitions fail together. Nothing is lost by ending here: an open transaction never
    commits, and the next start goes on from the progress records.
    """
    log.error(message)
    sys.stdout.flush()
    sys.stderr.flush()
    for step in _last_steps:
        step()
    os._exit(1)


def before_the_end(step: Callable[[], None]) -> None:
    """Have stop_process call this between its line and the end."""
    _last_steps.append(step)
