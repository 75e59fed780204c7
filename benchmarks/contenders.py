"""Who is compared: how each is started, what it promises, and why it may be missing."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import MissingError, java_class_path, quix_python
from benchmarks.feed import PARTITIONS
from local_kafka.ports import free_port

__all__ = ["CONTENDERS", "FLOOR", "OURS", "Commands", "Contender", "flow_commands", "ours"]

FLOW = (sys.executable, "-m", "bytewax.run", "dataflows.login")
# Seconds between snapshots, as the README says (docs/adr/0011-epochs-of-a-cluster.md).
ALONE, IN_CLUSTER = "1", "10"
OPENED = ("java.lang", "java.nio", "java.time", "java.util", "sun.nio.ch")
EXPORTED = ("jdk.internal.misc", "jdk.internal.ref")
JAVA_OPTIONS = (
    "-Xms1g",
    "-Xmx1g",  # a gigabyte more makes neither faster
    "-XX:+UseParallelGC",  # least CPU for throughput
    # What Flink's serialisers and the sketches need on Java 17.
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
    *(f"--add-exports=java.base/{package}=ALL-UNNAMED" for package in EXPORTED),
)

Commands = list[tuple[str, ...]]


def _here() -> str | None:
    return None


@dataclass(frozen=True)
class Contender:
    """A program that turns the input into the output.

    Attributes:
        name: for the command line and the results.
        title: for people: what it is and what it promises.
        commands: makes the command of each of its processes, given a folder of its own.
        settings: beyond the topics' names, as variables of the environment.
        copies: its output is the input unchanged.
        windows: it writes the windows too.
        partitions: of the input that it reads.
        missing: tells in a few words why it can't be run here; None if it can.
    """

    name: str
    title: str
    commands: Callable[[Path], Commands]
    settings: Mapping[str, str] = field(default_factory=dict)
    copies: bool = False
    windows: bool = True
    partitions: int = PARTITIONS
    missing: Callable[[], str | None] = _here


def _module(name: str) -> Callable[[Path], Commands]:
    """Return a contender's commands that is a module of this package."""
    return lambda _folder: [(sys.executable, "-m", f"benchmarks.{name}")]


def ours(processes: int, guarantee: str = "exactly_once") -> Contender:
    """Return the flow of this project on so many processes."""
    count = "1 process" if processes == 1 else f"{processes} processes"
    return Contender(
        name=f"ours-{processes}" + ("" if guarantee == "exactly_once" else f"-{guarantee}"),
        title=f"this project, {guarantee.replace('_', ' ')}, {count}",
        commands=lambda folder: flow_commands(folder, processes),
        settings={"DELIVERY_GUARANTEE": guarantee, "STOP_AT_END": "true"},
    )


def flow_commands(folder: Path, processes: int) -> Commands:
    """Make a recovery store in a folder, and return the commands of a cluster that uses it."""
    return _clustered((*FLOW, *_recovery(folder, processes)), processes)


def _recovery(folder: Path, processes: int) -> tuple[str, ...]:
    """Make a recovery store: without one exactly once would hold for outputs alone."""
    state = folder / "state"
    state.mkdir()
    make = [sys.executable, "-m", "bytewax.recovery", str(state), str(processes)]
    subprocess.run(make, check=True)  # noqa: S603  # the engine's own command
    return ("-r", str(state), "-s", ALONE if processes == 1 else IN_CLUSTER, "-b", "0")


def _java(project: str, main: str, title: str) -> Contender:
    """Return a contender that is a folder of benchmarks/java."""
    return Contender(
        name=project,
        title=title,
        commands=lambda _folder: [("java", *JAVA_OPTIONS, "-cp", java_class_path(project), main)],
        missing=lambda: _why_not(lambda: java_class_path(project)),
    )


def _why_not(build: Callable[[], object]) -> str | None:
    """Build what a contender needs; return why that can't be had, None if it can."""
    try:
        build()
    except MissingError as error:
        return str(error)
    return None


def _clustered(command: Sequence[str], processes: int) -> Commands:
    if processes == 1:
        return [tuple(command)]
    addresses = ";".join(f"127.0.0.1:{free_port()}" for _ in range(processes))
    return [(*command, "-i", str(number), "-a", addresses) for number in range(processes)]


FLOOR = Contender(
    name="floor",
    title="confluent-kafka alone, no work: the floor",
    commands=_module("floor"),
    copies=True,
    windows=False,
)
OURS = ours(1)

CONTENDERS: Sequence[Contender] = (
    FLOOR,
    OURS,
    ours(2),
    ours(1, "at_least_once"),
    ours(2, "at_least_once"),
    Contender(
        name="stock-bytewax",
        title="stock Bytewax, an item a message, at least once",
        commands=lambda folder: [
            (sys.executable, "-m", "bytewax.run", "benchmarks.stock_bytewax", *_recovery(folder, 1))
        ],
    ),
    Contender(
        name="kafka-python",
        title="kafka-python loop, at least once, no windows",
        commands=_module("kafka_python_loop"),
        windows=False,
    ),
    Contender(
        name="quix",
        title="Quix Streams 3.28, exactly once, no windows",
        commands=lambda _folder: [(str(quix_python()), "-m", "benchmarks.quix")],
        windows=False,
        missing=lambda: _why_not(quix_python),
    ),
    _java("kafka-streams", "KafkaStreamsLogins", "Kafka Streams 3.9, exactly once, 2 threads"),
    _java("flink", "FlinkLogins", "Flink 1.20, exactly once, 2 slots"),
)
