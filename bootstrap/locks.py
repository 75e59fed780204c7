"""`make lock`: the packages of each short list `requirements*.in`, pinned with their hashes."""

from __future__ import annotations

from typing import NamedTuple

from bootstrap.commands import say
from bootstrap.files import LOCAL
from bootstrap.uv import Uv

__all__ = ["LISTS", "write_locks"]


class List(NamedTuple):
    """A short list of packages: `NAME.in` becomes `NAME.txt`."""

    name: str
    within: str  # of its packages those in this one's lock have the same version
    python: str  # the oldest that it is for


# Each holds the one before, so that their packages fit into one environment.
LISTS = (
    List("requirements", "", "3.11"),
    List("requirements-dashboard", "requirements", "3.11"),
    List("requirements-run", "requirements-dashboard", "3.11"),
    List("requirements-dev", "requirements-run", "3.11"),
    List("requirements-uv", "", "3.8"),
)
OPTIONS = ["--upgrade", "--universal", "--generate-hashes"]
OPTIONS += ["--custom-compile-command", "make lock"]


def write_locks() -> None:
    """Pin the newest versions; SetupError with the reason if that can't be done."""
    LOCAL.mkdir(exist_ok=True)
    uv = Uv()
    for name, constraint, python in LISTS:
        say(f"pinning {name}.txt")
        fixed = ["-c", f"{constraint}.txt"] if constraint else []
        files = [*fixed, f"{name}.in", "-o", f"{name}.txt"]
        uv.run_pip("compile", *OPTIONS, "--python-version", python, *files, doing="pinning")
