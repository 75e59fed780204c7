"""Programs that no Python package has: the system's own, or Debian's where they can be had."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO

import pytest

from tests.support.flow import PROJECT

__all__ = ["UNPACKED", "find_or_install", "find_or_unpack"]

UNPACKED = PROJECT / ".local" / "debian"
# For all of it, on a slow network or while another apt holds the locks: less than the time-out of a
# test, which would hide the reason.
GET_SECONDS = 300.0
POLL_SECONDS = 1.0
LOCKED = re.compile(r"^E: ((?:Could not get lock|Unable to (?:lock|acquire)).*)", re.MULTILINE)
PROBLEM = re.compile(r"^(?:E|W): (.+)", re.MULTILINE)


def find_or_install(find: Callable[[], str | None], package: str) -> str:
    """Return where a program is, if need be once root has installed it.

    Without it the tests are skipped, with the reason, but in CI they fail.

    Args:
        find: returns the program's path, or None.
        package: the Debian package that has it.
    """
    return _find_or_get(find, _install, package)


def find_or_unpack(program: str, package: str) -> str:
    """Return where a program is, if need be once its package is unpacked into a folder of ours.

    That takes no root, and starts no service, as installing one does. Without it the tests are
    skipped, with the reason, but in CI they fail.

    Args:
        program: its name.
        package: the Debian package that has it, and needs nothing else for it.
    """
    ours = UNPACKED / package / "usr" / "bin"
    return _find_or_get(
        lambda: shutil.which(program) or shutil.which(program, path=ours), _unpack, package
    )


def _find_or_get(
    find: Callable[[], str | None], get: Callable[["_Apt", str], None], package: str
) -> str:
    if (path := find()) is not None:
        return path
    apt = _Apt(monotonic() + GET_SECONDS)
    with suppress(_GaveUpError), _alone(apt):
        if find() is None:  # or else another worker has got it meanwhile
            get(apt, package)
    if (path := find()) is not None:
        return path
    reason = f"no {package}: {'; '.join(apt.problems)}"
    reason += f"; install your system's package (Debian: apt-get install {package})"
    if _in_ci():
        pytest.fail(reason)
    pytest.skip(reason)


class _GaveUpError(Exception):
    """What is needed can't be had in time; why is among the problems."""


class _Apt:
    """Runs apt-get, and waits for the locks that another one holds.

    Args:
        deadline: of all that it runs, on the monotonic clock.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.problems: list[str] = []

    def run(self, command: Sequence[str], folder: Path | None = None) -> None:
        """Run a command, again and again while it finds a lock held; note what it complains of."""
        while True:
            complaints = self._complaints(command, folder)
            if not (locked := LOCKED.search(complaints)):
                break
            self.pause(locked[1])
        self.problems += PROBLEM.findall(complaints)[-2:]

    def pause(self, reason: str) -> None:
        """Wait a moment before the next attempt; past the deadline give up for this reason."""
        if monotonic() > self._deadline:
            self.problems.append(f"{reason} (waited for {GET_SECONDS:.0f} s)")
            raise _GaveUpError
        sleep(POLL_SECONDS)

    def _complaints(self, command: Sequence[str], folder: Path | None) -> str:
        try:
            return subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
                check=False,
                capture_output=True,
                text=True,
                timeout=max(1.0, self._deadline - monotonic()),
            ).stderr
        except FileNotFoundError:
            self.problems.append(f"there is no {command[0]} on this system")
        except subprocess.TimeoutExpired:
            self.problems.append(f"{' '.join(command)} took too long")
        raise _GaveUpError


@contextmanager
def _alone(apt: _Apt) -> Iterator[None]:
    """Keep other workers of the same run from getting the same package while the block runs."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with (UNPACKED / "lock").open("w") as lock:
        while not _locked(lock):
            apt.pause("another worker of the tests is installing packages")
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _install(apt: _Apt, package: str) -> None:
    if os.geteuid() != 0:
        apt.problems.append("only root can install it")
        return
    _update(apt)
    apt.run(["apt-get", "-q", "install", "-y", "--no-install-recommends", package])


def _unpack(apt: _Apt, package: str) -> None:
    _update(apt)
    with tempfile.TemporaryDirectory(dir=UNPACKED) as folder:
        apt.run(["apt-get", "-q", "download", package], Path(folder))
        for file in Path(folder).glob("*.deb"):
            apt.run(["dpkg-deb", "-x", str(file), f"{folder}/new"])
            Path(folder, "new").rename(UNPACKED / package)


def _update(apt: _Apt) -> None:
    """Learn what packages there are, where that is allowed: a new machine knows of none."""
    command = ["apt-get", "-q", "update"]
    if os.geteuid() == 0:
        apt.run(command)
    elif _in_ci() and shutil.which("sudo"):
        apt.run(["sudo", "-n", *command])


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"
