"""A supervisor's folder: used by one at a time, and free once everything it started has ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from file_lock import try_lock
from supervision.lines import say

__all__ = ["FolderInUseError", "is_held", "locked", "own_folder"]

POLL_SECONDS = 0.05
CHECK_SECONDS = 1.0  # is_held takes the lock as well, for a moment


class FolderInUseError(Exception):
    """Another process is using the folder; the text says what to do."""


@contextmanager
def own_folder(folder: Path, wait_seconds: float) -> Iterator[int]:
    """Lock a folder as its only supervisor; yield a lock's descriptor for processes to inherit.

    If a supervisor was killed, its processes may still be ending: this waits for them, with a line.

    Args:
        folder: created if missing.
        wait_seconds: how long the processes of a killed supervisor may take.

    Raises:
        FolderInUseError: it has a supervisor, or processes of a previous one that don't end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    where, processes = folder.absolute(), folder / "processes.lock"
    with locked(_supervisor(folder), CHECK_SECONDS, f"another run uses {where}: stop it first"):
        if _is_locked(processes):
            say(f"waiting for processes left by an earlier run in {where} to end")
        left = f"processes left by an earlier run in {where} don't end: kill them"
        with locked(processes, wait_seconds, left) as lock:
            yield lock


def is_held(folder: Path) -> bool:
    """Tell whether a folder has a running supervisor."""
    return _is_locked(_supervisor(folder))


@contextmanager
def locked(file: Path, seconds: float, refusal: str) -> Iterator[int]:
    """Lock a file until every process that inherits it has ended; yield its descriptor.

    Args:
        file: created if missing; its folder must exist.
        seconds: how long to wait until others release it.
        refusal: the error's text.

    Raises:
        FolderInUseError: it stays locked for longer.
    """
    deadline = time.monotonic() + seconds
    with file.open("w") as lock:
        while not try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise FolderInUseError(refusal)
            time.sleep(POLL_SECONDS)
        yield lock.fileno()


def _is_locked(file: Path) -> bool:
    try:
        with locked(file, 0, "locked"):
            return False
    except FileNotFoundError:
        return False
    except FolderInUseError:
        return True


def _supervisor(folder: Path) -> Path:
    return folder / "supervisor.lock"
