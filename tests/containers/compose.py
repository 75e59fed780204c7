"""One of the compose files, run by Debian's docker-compose 1.29."""

import json
from pathlib import Path
from typing import Any

from tests.containers.engine import Engine
from tests.support.flow import PROJECT
from tests.support.waiting import wait_until

__all__ = ["Compose"]


class Compose:
    """The containers of a compose file.

    Args:
        engine: runs them.
        file: in the project's folder.
        folder: for a copy without the line `name:`, which 1.29 doesn't know yet.
    """

    def __init__(self, engine: Engine, file: str, folder: Path) -> None:
        lines = (PROJECT / file).read_text().splitlines(keepends=True)
        [name] = [line for line in lines if line.startswith("name: ")]
        self._engine = engine
        self._project = name.removeprefix("name: ").strip()
        self._copy = folder / file
        self._copy.write_text("".join(line for line in lines if line != name))

    def run(self, *arguments: str) -> str:
        """Run docker-compose and return what it prints."""
        options = ["--project-directory", str(PROJECT), "--file", str(self._copy)]
        return self._engine.run(
            ["docker-compose", *options, "--project-name", self._project, *arguments]
        )

    def container(self, service: str, number: int = 1) -> str:
        """Return the name of a service's container."""
        return f"{self._project}_{service}_{number}"

    def log(self, service: str, number: int = 1) -> str:
        """Return all that a service's container has printed, over its restarts."""
        return self._engine.docker("logs", self.container(service, number))

    def wait_for_log(self, service: str, text: str, number: int = 1) -> None:
        """Return when a service's container has printed a text."""
        wait_until(lambda: text in self.log(service, number), f"{text!r} of {service}")

    def state(self, service: str, number: int = 1) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        [found] = json.loads(self._engine.docker("inspect", self.container(service, number)))
        known: dict[str, Any] = found
        return known

    def wait_until_healthy(self, service: str) -> None:
        """Return when a service's own health check has succeeded."""
        wait_until(
            lambda: self.state(service)["State"]["Health"]["Status"] == "healthy",
            f"{service} is healthy",
        )

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a service's container, and return what it prints."""
        return self._engine.docker("exec", self.container(service), *command)
