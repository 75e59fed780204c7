"""Programs that no Python package has: the system's own, or installed where that is allowed."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

__all__ = ["find_or_install"]

INSTALL_SECONDS = 240


def find_or_install(find: Callable[[], str | None], package: str) -> str:
    """Return where a program is; without it the tests are skipped, but never in CI.

    Args:
        find: returns the program's path, or None.
        package: the Debian package that has it.
    """
    if (path := find()) is not None:
        return path
    _install(package)
    if (path := find()) is not None:
        return path
    reason = f"no {package}: install your system's package (Debian: apt-get install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _install(package: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(
            ["apt-get", "-q", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
