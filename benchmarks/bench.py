"""Runs contenders on an input, checks what they wrote, and keeps what they took."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import topics
from benchmarks.check import check_copies, check_logins, check_windows
from benchmarks.contenders import Contender
from benchmarks.feed import PARTITIONS, Feed, send
from benchmarks.measure import Usage, measure
from local_kafka import LocalKafka

__all__ = ["PROJECT", "START_LOGINS", "Bench", "Run", "input_topic", "local_bench"]

PROJECT = Path(__file__).parents[1]
# A start costs the same whatever the input: it is measured on next to no input, and taken off.
START_LOGINS = 1_000


@dataclass(frozen=True)
class Run:
    """One run of a contender whose output was right.

    Attributes:
        contender: its name.
        records: how many logins it processed.
        usage: what it took.
    """

    contender: str
    records: int
    usage: Usage


class Bench:
    """Inputs on a broker, and contenders that are run on them.

    Args:
        servers: of the broker.
        folder: for what contenders need and print.
    """

    def __init__(self, servers: str, folder: Path) -> None:
        self.servers = servers
        self.folder = folder.absolute()  # processes run in folders of their own
        self._count = 0

    def feed(self, records: int, partitions: int = PARTITIONS) -> Feed:
        """Write an input, and return it."""
        feed = Feed(records, partitions)
        topics.make(self.servers, input_topic(feed), partitions)
        send(feed, self.servers, input_topic(feed))
        return feed

    def run(self, contender: Contender, feed: Feed) -> Run:
        """Run a contender over an input; all that it wrote is deleted afterwards.

        Raises:
            CommandFailedError: it ended with an error.
            WrongOutputError: it lost, repeated or changed something.
        """
        self._count += 1
        name = f"run{self._count}"
        folder = self.folder / f"{name}-{contender.name}"
        folder.mkdir(parents=True)
        topics.make(self.servers, f"{name}-out", feed.partitions)
        topics.make(self.servers, f"{name}-insights", 1, **{"cleanup.policy": "compact"})
        try:
            environment = self.environment(name, feed, contender.settings)
            usage = measure(contender.commands(folder), environment, folder)
            self._check(contender, feed, name)
        finally:
            topics.delete(self.servers, name + "-")
        shutil.rmtree(folder)  # kept when something went wrong, to be looked at
        return Run(contender.name, feed.records, usage)

    def environment(self, name: str, feed: Feed, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a run, free of the developer's own settings.

        Args:
            name: what the names of its topics begin with.
            feed: its input.
            settings: further ones.
        """
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(PROJECT),
            "RECORDS": str(feed.records),  # for those that can't find the input's end themselves
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_GROUP_ID": f"{name}-group",
            "INPUT_TOPIC": input_topic(feed),
            "OUTPUT_TOPIC": f"{name}-out",
            "DEAD_LETTER_TOPIC": f"{name}-dlq",
            "INSIGHTS_TOPIC": f"{name}-insights",
            **settings,
        }

    def _check(self, contender: Contender, feed: Feed, name: str) -> None:
        outputs = topics.committed(self.servers, f"{name}-out")
        check = check_copies if contender.copies else check_logins
        check(feed, (message.value() or b"" for message in outputs))
        if contender.windows:
            insights = topics.committed(self.servers, f"{name}-insights")
            check_windows(feed, ((one.key() or b"", one.value() or b"") for one in insights))


def input_topic(feed: Feed) -> str:
    """Return the name of a feed's topic."""
    return f"logins-{feed.records}-{feed.partitions}"


@contextmanager
def local_bench(folder: Path) -> Iterator[Bench]:
    """Give a bench on a broker of its own, in a folder that is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with LocalKafka(folder / "kafka") as kafka:
        yield Bench(kafka.bootstrap_servers, folder)
