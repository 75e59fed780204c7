"""Background threads that never end unnoticed."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import structlog

__all__ = ["run_in_background"]

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 1.0  # a transient fault costs no more than this
LONGEST_PAUSE_SECONDS = 60.0  # a lasting one is logged once a minute


def run_in_background(name: str, work: Callable[[], None], stopping: Event | None = None) -> Thread:
    """Run a function in a daemon thread, and again after a pause whenever it raises.

    Each failure is logged as one line: what failed, where, and in how many seconds it runs again.
    The pause doubles up to a minute, and is short again after a run longer than a minute.
    The thread ends when the function returns.

    Args:
        name: of the thread, and in the line.
        work: the function; it must be able to start over after an exception anywhere in it.
        stopping: once set, the function isn't run again.
    """
    thread = Thread(
        target=_run_until_it_returns, args=(name, work, stopping or Event()), name=name, daemon=True
    )
    thread.start()
    return thread


def _run_until_it_returns(name: str, work: Callable[[], None], stopping: Event) -> None:
    pause = FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        began = time.monotonic()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - no caller above: even SystemExit would be lost
            if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            _report(name, error, pause)
            stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        else:
            return


def _report(name: str, error: BaseException, pause: float) -> None:
    log.error(
        "a background thread failed",
        thread=name,
        error=" ".join(f"{type(error).__name__}: {error}".split()),
        where=_place(error),
        then=f"running it again in {pause:.0f} s",
    )


def _place(error: BaseException) -> str:
    """Return the file and line that raised an error."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
