"""The files that a setup leaves, and what is known from them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LOCAL", "LOG", "alone", "bin_of", "is_installed", "mark_installed", "remove"]

LOCAL = Path(".local")
LOG = LOCAL / "setup.log"  # all that pip and uv printed during the last setup


@contextmanager
def alone(report: Callable[[], object]) -> Iterator[None]:
    """Let one setup at a time run in this folder; report is called when this one has to wait."""
    with (LOCAL / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            report()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bin_of(venv: Path, program: str) -> Path:
    """Return where a program of a virtual environment is."""
    return venv.absolute() / "bin" / program


def is_installed(lock: Path, venv: Path) -> bool:
    """Tell whether what a lock file names, as it is now, was installed to the end."""
    mark = _mark(lock, venv)
    return mark.exists() and mark.read_text() == _digest(lock)


def mark_installed(lock: Path, venv: Path) -> None:
    """Note that all that a lock file names is installed."""
    _mark(lock, venv).write_text(_digest(lock))


def remove(venv: Path) -> None:
    """Remove a virtual environment; of a link the link alone, as others may use what it names."""
    if venv.is_symlink():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)


def _mark(lock: Path, venv: Path) -> Path:
    return venv / f"installed-{lock.name}"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()
