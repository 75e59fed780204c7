"""Fault points: moments at which a process of the flow kills itself, once, when it is told to."""

import os
import signal
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep

__all__ = ["POINTS", "armed", "reach", "reach_soon"]

# Each with what a design that breaks there gets wrong.
POINTS = {
    "first-snapshot": "committed, and no snapshot was ever taken: windows and report come short",
    "produced": "outputs sent, transaction open: an output without its progress",
    "committed": "committed, no snapshot yet: the replay writes it twice",
    "snapshot": "a snapshot is taken but not stored yet",
    "init": "while init_transactions is under way",
    "fenced": "old transactions ended, progress not read yet",
    "resumed": "the first batch after a resume is sent",
    "resumed-committed": "the first batch after a resume is committed",
    "draining": "told to stop, all written, last snapshot not stored",
    "insights": "insights committed, no snapshot yet",
    "acknowledged": "at least once: outputs acknowledged, progress not sent",
}
MARK_SUFFIX = ".reached"

_calls = count(1)


def armed(point: str) -> bool:
    """Tell whether this process is to end at a point."""
    return os.environ.get("FAULT_POINT") == point


def reach(point: str) -> None:
    """Say that a point is reached; the process ends there if it is told to, at the n-th call."""
    if armed(point) and next(_calls) == int(os.environ["FAULT_CALL"]):
        _mark_and_kill(point)


def reach_soon(point: str) -> None:
    """End the process while the call goes on that the caller makes next."""
    if armed(point) and next(_calls) == int(os.environ["FAULT_CALL"]):
        Thread(target=_kill_after_a_moment, args=(point,), daemon=True).start()


def _kill_after_a_moment(point: str) -> None:
    sleep(float(os.environ["FAULT_MOMENT"]))
    _mark_and_kill(point)


def _mark_and_kill(point: str) -> None:
    mark = Path(os.environ["FAULT_MARKS"]) / f"{point}.{os.getpid()}{MARK_SUFFIX}"
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
