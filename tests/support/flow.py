"""The flow as its users run it: a process, started from the command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from settings import Settings
from tests.support.processes import start_process
from tests.support.topics import Topics
from tests.support.waiting import DEADLINE_SECONDS, wait_until

PROJECT = Path(__file__).parents[2]
RUN_SECONDS = 120.0
WHOLE_FLOW = "dataflows.login"


@dataclass
class Flow:
    """One test's flow: topics, group and recovery folder of its own.

    Attributes:
        servers: of the broker.
        name: what all its topics' names begin with.
        folder: for recovery state and logs.
        settings: further settings of every run.
        entry: the flow's module.
        prefix: a command that runs the command behind it.
    """

    servers: str
    name: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    entry: str = WHOLE_FLOW
    prefix: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.topics = Topics(self.servers)
        self.input = f"{self.name}-in"
        self.output = f"{self.name}-out"
        self.dead_letter_topic = f"{self.name}-dlq"
        self.insights_topic = f"{self.name}-insights"
        self.alerts_topic = f"{self.name}-alerts"
        self.group = f"{self.name}-group"
        self.progress_topic = f"{self.group}-progress"
        self.recovery = self.folder / "recovery"

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a run, free of the developer's own settings."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_GROUP_ID": self.group,
            "INPUT_TOPIC": self.input,
            "OUTPUT_TOPIC": self.output,
            "DEAD_LETTER_TOPIC": self.dead_letter_topic,
            "INSIGHTS_TOPIC": self.insights_topic,
            "ALERTS_TOPIC": self.alerts_topic,
            **self.settings,
            **settings,
        }

    def as_settings(self, **settings: Any) -> Settings:
        """Return the settings of a run, for parts of the flow that a test uses itself."""
        return Settings(
            kafka_bootstrap_servers=self.servers,
            kafka_group_id=self.group,
            input_topic=self.input,
            output_topic=self.output,
            dead_letter_topic=self.dead_letter_topic,
            insights_topic=self.insights_topic,
            **settings,
        )

    def recovery_options(self) -> list[str]:
        """Make the recovery folder if need be, and return the options that use it."""
        if not self.recovery.exists():
            self.recovery.mkdir()
            command = [sys.executable, "-m", "bytewax.recovery", str(self.recovery), "1"]
            subprocess.run(command, check=True)
        return ["-r", str(self.recovery), "-s", "1", "-b", "0"]

    @contextmanager
    def running(self, *options: str, **settings: str) -> Iterator["FlowProcess"]:
        """Run the flow while the block runs; kill it at the end if it still runs."""
        process = FlowProcess(self, options, settings, self.entry)
        try:
            yield process
        finally:
            process.kill()

    def back_fill(self, *options: str, recovery: bool = True, **settings: str) -> "FlowProcess":
        """Run the flow to the end of its input and return the ended process."""
        recover = self.recovery_options() if recovery else []
        with self.running(*recover, *options, STOP_AT_END="true", **settings) as process:
            assert process.wait() == 0, process.output()
        return process

    def outputs(self) -> list[dict[str, Any]]:
        """Return the processed logins."""
        return [msgspec.json.decode(record.value) for record in self.topics.read(self.output)]

    def dead_letters(self) -> list[Any]:
        """Return the dead letters as consumed records."""
        return self.topics.read(self.dead_letter_topic)


class FlowProcess:
    """A running process of a flow.

    Args:
        flow: whose topics, group and settings it gets.
        options: of the engine.
        settings: further settings.
        entry: the module to run.
    """

    def __init__(
        self,
        flow: Flow,
        options: Sequence[str],
        settings: dict[str, str],
        entry: str = WHOLE_FLOW,
    ) -> None:
        number = len(list(flow.folder.glob("run-*.log")))
        self.log = flow.folder / f"run-{number:03d}.log"
        command = [*flow.prefix, sys.executable, "-m", "bytewax.run", entry, *options]
        with self.log.open("wb") as output:
            self.process = start_process(
                command,
                cwd=flow.folder,
                env=flow.environment(**settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        """Return what the process has printed so far, report and log lines."""
        return self.log.read_text(errors="replace")

    def wait_for_text(self, text: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Return when the process has printed a text."""
        wait_until(lambda: text in self.output(), f"{text!r} in:\n{self.output()}", seconds)

    def wait(self, seconds: float = RUN_SECONDS) -> int:
        """Wait until the process ends and return its exit status."""
        return self.process.wait(seconds)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Drain the flow and return its exit status."""
        self.process.send_signal(signum)
        return self.wait()

    def kill(self) -> None:
        """End the process with kill -9."""
        self.process.kill()
        self.process.wait()
