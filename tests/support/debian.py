"""Programs that no Python package has: the system's own, or Debian's where they can be had."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.flow import PROJECT

__all__ = ["UNPACKED", "find_or_install", "find_or_unpack"]

UNPACKED = PROJECT / ".local" / "debian"
INSTALL_SECONDS = 240


def find_or_install(find: Callable[[], str | None], package: str) -> str:
    """Return where a program is, if need be once root has installed it.

    Without it the tests are skipped, but never in CI.

    Args:
        find: returns the program's path, or None.
        package: the Debian package that has it.
    """
    return _find_or_get(find, _install, package)


def find_or_unpack(program: str, package: str) -> str:
    """Return where a program is, if need be once its package is unpacked into a folder of ours.

    That takes no root, and starts no service, as installing one does. Without it the tests are
    skipped, but never in CI.

    Args:
        program: its name.
        package: the Debian package that has it, and needs nothing else for it.
    """
    ours = UNPACKED / package / "usr" / "bin"
    return _find_or_get(
        lambda: shutil.which(program) or shutil.which(program, path=ours), _unpack, package
    )


def _find_or_get(find: Callable[[], str | None], get: Callable[[str], object], package: str) -> str:
    if (path := find()) is not None:
        return path
    if shutil.which("apt-get"):
        with _alone():
            if find() is None:  # or else another one has got it meanwhile
                get(package)
        if (path := find()) is not None:
            return path
    reason = f"no {package}: install your system's package (Debian: apt-get install {package})"
    if _in_ci():
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other workers of the same run from getting the same package while the block runs."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with (UNPACKED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str) -> None:
    if os.geteuid() == 0:
        _update()
        _run(["apt-get", "-q", "install", "-y", "--no-install-recommends", package])


def _unpack(package: str) -> None:
    _update()
    with tempfile.TemporaryDirectory(dir=UNPACKED) as folder:
        _run(["apt-get", "-q", "download", package], Path(folder))
        for file in Path(folder).glob("*.deb"):
            _run(["dpkg-deb", "-x", str(file), f"{folder}/new"])
            Path(folder, "new").rename(UNPACKED / package)


def _update() -> None:
    """Learn what packages there are, where that is allowed: a new machine knows of none."""
    command = ["apt-get", "-q", "update"]
    if os.geteuid() == 0:
        _run(command)
    elif _in_ci() and shutil.which("sudo"):
        _run(["sudo", "-n", *command])


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
        capture_output=True,
        timeout=INSTALL_SECONDS,
    )
