"""A supervisor's folder: held by one at a time, and free when all that it started has ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from file_lock import try_lock
from supervision.lines import say

__all__ = ["FolderInUseError", "is_held", "locked", "own_folder"]

POLL_SECONDS = 0.05
LOOK_SECONDS = 1.0  # a mere look takes the lock as well, for a moment


class FolderInUseError(Exception):
    """Another process holds the folder; the text says what to do."""


@contextmanager
def own_folder(folder: Path, wait_seconds: float) -> Iterator[int]:
    """Hold a folder as its only supervisor, and give a lock's descriptor for processes to inherit.

    If a supervisor was killed, its processes may still be ending: this waits for them, with a line.

    Args:
        folder: made if it is missing.
        wait_seconds: how long the processes of a killed supervisor may take.

    Raises:
        FolderInUseError: it has a supervisor, or processes of a former one that don't end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    where, processes = folder.absolute(), folder / "processes.lock"
    with locked(_supervisor(folder), LOOK_SECONDS, f"another run uses {where}: stop it first"):
        if _is_locked(processes):
            say(f"waiting for processes left by an earlier run in {where} to end")
        left = f"processes left by an earlier run in {where} don't end: kill them"
        with locked(processes, wait_seconds, left) as lock:
            yield lock


def is_held(folder: Path) -> bool:
    """Tell whether a folder has a live supervisor."""
    return _is_locked(_supervisor(folder))


@contextmanager
def locked(file: Path, seconds: float, refusal: str) -> Iterator[int]:
    """Lock a file until every process that inherits it has ended, and give its descriptor.

    Args:
        file: made if it is missing; its folder has to be there.
        seconds: how long to wait for whoever has locked it.
        refusal: the error's text.

    Raises:
        FolderInUseError: it is locked for longer.
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
