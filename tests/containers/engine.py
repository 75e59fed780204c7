"""A container engine for the tests: Debian's Docker in namespaces of its own, which end with it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervision.guarded import GuardedProcess
from tests.support.debian import find_or_install
from tests.support.flow import PROJECT
from tests.support.waiting import wait_until

__all__ = ["Engine", "running_engine"]

SCRIPT = Path(__file__).with_name("engine.sh")
PROGRAMS = {"dockerd": "docker.io", "docker-compose": "docker-compose", "ip": "iproute2"}
LOG_BYTES = 10_000
START_SECONDS = 60.0
STOP_SECONDS = 30.0
COMMAND_SECONDS = 300.0  # for the build of images, the longest


class Engine:
    """A running container engine.

    Args:
        folder: where it listens and says which namespaces are its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            **os.environ,
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "client"),
            "DOCKER_BUILDKIT": "0",  # what came after it needs a plug-in that Debian 12 lacks
        }
        self._namespaces = int((folder / "namespaces").read_text())

    def docker(self, *arguments: str, stdin: Path | None = None) -> str:
        """Run a command of the client and return what it prints."""
        return self.run(["docker", *arguments], stdin=stdin)

    def run(self, command: Sequence[str], stdin: Path | None = None) -> str:
        """Run a program that talks to the engine, and return all that it prints."""
        with (stdin or Path(os.devnull)).open("rb") as given:
            done = subprocess.run(
                command,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env=self._environment,
                text=True,
                check=False,
                timeout=COMMAND_SECONDS,
            )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def python(self, *arguments: str) -> str:
        """Run a module where containers publish their ports, and return what it prints."""
        where = ["nsenter", f"--target={self._namespaces}", "--net"]
        return self.run([*where, sys.executable, "-m", *arguments])

    def kill(self, process: int) -> None:
        """End a process of a container as the kernel does, which the engine didn't ask for.

        Args:
            process: as the engine calls it; 0, of one that ended, would mean this group.
        """
        assert process > 0, "the container doesn't run"
        children = f"/proc/{self._namespaces}/task/{self._namespaces}/children"
        first = Path(children).read_text().split()[0]
        self.run(["nsenter", f"--target={first}", "--pid", "--mount", "kill", "-9", str(process)])


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Run an engine while the block runs; without root or its packages the tests are skipped."""
    if sys.platform != "linux" or os.geteuid() != 0:
        _skip("a container engine of the tests' own needs root on Linux")
    for program, package in PROGRAMS.items():
        find_or_install(lambda program=program: shutil.which(program), package)  # type: ignore[misc]
    folder = Path(tempfile.mkdtemp(prefix="containers-"))  # the script removes it
    command = ["sh", str(SCRIPT), str(folder)]
    with (
        (folder / "engine.log").open("w+b") as output,
        GuardedProcess(command, STOP_SECONDS, stdout=output, stderr=output) as process,
    ):
        wait_until(
            lambda: process.poll() is not None or (folder / "docker.sock").exists(),
            "the engine",
            START_SECONDS,
        )
        assert process.poll() is None, os.pread(output.fileno(), LOG_BYTES, 0).decode()
        yield Engine(folder)


def _skip(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
