"""The project's virtual environment: a Python that bytewax has wheels for, and locked packages."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.commands import say
from bootstrap.errors import SetupError
from bootstrap.files import bin_of, is_installed, mark_installed, remove
from bootstrap.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FIRST_PYTHON", "LAST_PYTHON", "install", "is_ready"]

VENV = Path(".venv")
INSTALLING = VENV / "installing"  # left behind, it tells that a package may be there by half
# bytewax 0.21.1 has wheels for Python up to 3.12, and no source package.
FIRST_PYTHON, LAST_PYTHON = (3, 11), (3, 12)
SUPPORTED = ">=3.11,<3.13"  # the same, for uv
ASK = "import sys; print(*sys.version_info[:2], sys.base_prefix, sys.executable, sep='\\n')"


class Interpreter(NamedTuple):
    """A Python as it tells about itself."""

    version: tuple[int, int]
    installation: str  # what all its virtual environments have in common
    executable: str

    @classmethod
    def look_at(cls, python: str) -> Interpreter | None:
        """Return what a Python, as the shell knows it, tells; None if it can't be run."""
        try:
            asked = subprocess.run(  # noqa: S603  # the user's own choice, or the environment's
                [python, "-c", ASK], capture_output=True, text=True, check=True
            )
            major, minor, installation, executable = asked.stdout.splitlines()
            return cls((int(major), int(minor)), installation, executable)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None

    def is_supported(self) -> bool:
        """Tell whether bytewax can be installed for it."""
        return FIRST_PYTHON <= self.version <= LAST_PYTHON


def is_ready(lock: Path, python: str) -> bool:
    """Tell whether what a lock file names is installed, so that there is nothing to do.

    Args:
        lock: names packages, each with version and hashes.
        python: the Python that it has to be for; empty: any that is supported.

    Raises:
        SetupError: that Python can't be run, or isn't supported.
    """
    return _is_usable(python) and is_installed(lock, VENV)


def install(lock: Path, python: str) -> None:
    """Install what a lock file names and isn't there yet; what else is there stays.

    Args:
        lock: as above.
        python: as above.

    Raises:
        SetupError: it can't be done; with the reason.
    """
    uv = Uv()
    if INSTALLING.exists() or not _is_usable(python):
        remove(VENV)
        _make(uv, python)
    say(f"installing the packages of {lock} into {VENV}")
    with _marked():
        where = ("--python", bin_of(VENV, "python"))
        uv.run_pip("install", *where, "--require-hashes", "-r", lock, doing="downloading")
    mark_installed(lock, VENV)


@contextmanager
def _marked() -> Iterator[None]:
    """Leave a mark behind if the block is cut short once packages have changed."""
    [packages] = VENV.glob("lib/python*/site-packages")
    before = packages.stat().st_mtime_ns
    INSTALLING.touch()
    try:
        yield
    except SetupError:
        if packages.stat().st_mtime_ns == before:
            INSTALLING.unlink()  # a download failed: what was there still works
        raise
    INSTALLING.unlink()


def _is_usable(python: str) -> bool:
    """Tell whether the environment has a supported Python: the one asked for, if any is."""
    asked = _asked_for(python) if python else None
    found = Interpreter.look_at(str(bin_of(VENV, "python")))
    if found is None or not found.is_supported():
        return False
    return asked is None or asked.installation == found.installation


def _make(uv: Uv, python: str) -> None:
    if python:
        uv.run("venv", "--python", _asked_for(python).executable, VENV, doing="making .venv")
    elif _finds_one(uv):
        uv.run("venv", "--python", SUPPORTED, VENV, doing="making .venv")
    else:
        _make_with_a_download(uv)


def _make_with_a_download(uv: Uv) -> None:
    say("no Python 3.11 or 3.12 is here: uv brings one (some 30 MB)")
    try:
        uv.run("venv", "--python", SUPPORTED, VENV, doing="downloading Python")
    except SetupError as error:
        raise SetupError(
            f"there is no Python 3.11 or 3.12, and uv can't bring one ({error}): install one, or "
            "name one with make PYTHON=..."
        ) from None


def _finds_one(uv: Uv) -> bool:
    try:
        return bool(uv.run("python", "find", "--system", SUPPORTED, doing="looking for a Python"))
    except SetupError:
        return False


def _asked_for(python: str) -> Interpreter:
    found = Interpreter.look_at(python)
    if found is None:
        raise SetupError(f"PYTHON={python} can't be run: name a Python 3.11 or 3.12, or none")
    if not found.is_supported():
        major, minor = found.version
        raise SetupError(
            f"PYTHON={python} is Python {major}.{minor}: name a Python 3.11 or 3.12, or none; then "
            "one is found, or downloaded"
        )
    return found
