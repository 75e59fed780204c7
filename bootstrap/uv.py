"""uv, in the locked version: pip brings it, into a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bootstrap import commands, pip_settings
from bootstrap.errors import SetupError
from bootstrap.files import LOCAL, LOG, bin_of, is_installed, mark_installed, remove

__all__ = ["Uv"]

HOME = LOCAL / "uv"
LOCK = Path("requirements-uv.txt")
PIP = ("-m", "pip", "--disable-pip-version-check")
# They name another environment, or another Python, than the one that is meant here.
MISLEADING = ("CONDA_PREFIX", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV")


class Uv:
    """uv, installed if need be, with pip's configuration.

    Raises:
        SetupError: it can't be installed.
    """

    def __init__(self) -> None:
        if not is_installed(LOCK, HOME):
            _install()
        pip = pip_settings.parse(_pips_configuration())
        self._environment = pip_settings.uv_environment(pip, _own_environment())
        self._options = pip_settings.uv_options(pip)

    def run(self, *arguments: str | Path, doing: str) -> str:
        """Run it, and return what it printed; a SetupError has the reason if it fails."""
        return commands.run(
            [bin_of(HOME, "uv"), *arguments], doing=doing, environment=self._environment, log=LOG
        )

    def run_pip(self, *arguments: str | Path, doing: str) -> str:
        """Run one of its commands that ask a package index."""
        return self.run("pip", *arguments, *self._options, doing=doing)


def _install() -> None:
    commands.say("pip brings uv, which brings the rest")
    remove(HOME)
    # venv runs ensurepip, too, but keeps what it says to itself.
    _run(sys.executable, "-m", "venv", "--without-pip", HOME, doing="making an environment for uv")
    _run(bin_of(HOME, "python"), "-m", "ensurepip", doing="installing pip for uv")
    # A user's configuration may say --user, which fails here, or no binaries: uv has nothing else
    # that a machine without a Rust compiler could use.
    options = ("--no-user", "--only-binary", "uv", "--require-hashes", "-r", LOCK)
    pip = (*PIP, "--no-input", "install", *options)
    _run(bin_of(HOME, "python"), *pip, doing="downloading uv")
    if not bin_of(HOME, "uv").exists():
        raise SetupError(
            "pip didn't install uv where it was told to: `pip config list` has a target or prefix "
            "to remove"
        )
    mark_installed(LOCK, HOME)


def _pips_configuration() -> str:
    """Return what pip says of its configuration, which may hold passwords: it is in no log."""
    command = [str(bin_of(HOME, "python")), *PIP, "config", "list"]
    asked = subprocess.run(  # noqa: S603  # our own command
        command, env=_own_environment(), capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise SetupError(commands.reason(asked.stderr.splitlines()))
    return asked.stdout


def _run(*command: str | Path, doing: str) -> str:
    return commands.run(command, doing=doing, environment=_own_environment(), log=LOG)


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in MISLEADING}
