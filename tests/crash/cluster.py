"""The flow's processes, and what a supervisor does: if one ends, start all of them again."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local_kafka.ports import HOST
from tests.support.flow import WHOLE_FLOW, Flow, FlowProcess
from tests.support.ports import unused_port
from tests.support.waiting import wait_until

__all__ = ["Cluster", "Member", "ended_with_a_line", "stopped"]

# For the others to notice that one is gone. One that waits for a peer to start never does: the
# engine goes on trying to connect, so a supervisor has to end it.
END_SECONDS = 3.0


class Member(FlowProcess):
    """One process of a cluster."""

    def status(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self.process.poll()

    def send(self, signum: int) -> None:
        """Send it a signal, if it still runs."""
        if self.status() is None:
            self.process.send_signal(signum)

    def cpu_seconds(self) -> float:
        """Return how much processor time it has used."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return how much memory it holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


class Cluster:
    """All processes of one start of the flow.

    Args:
        flow: whose topics, group and recovery folder they use.
        processes: how many.
        entry: the module to run.
        options: of the engine, instead of the flow's recovery folder.
        settings: further environment of each process.
        one: further environment of a single process, which is number `which`.
        which: see `one`.
    """

    def __init__(
        self,
        flow: Flow,
        processes: int,
        entry: str = WHOLE_FLOW,
        *,
        options: Sequence[str] | None = None,
        settings: dict[str, str] | None = None,
        one: dict[str, str] | None = None,
        which: int = 0,
    ) -> None:
        options = flow.recovery_options() if options is None else options
        addresses = _addresses(processes)
        self.members = []
        for number in range(processes):
            place = ["-i", str(number), "-a", addresses] if processes > 1 else []
            own = one or {} if number == which % processes else {}
            given = {**(settings or {}), **own}
            self.members.append(Member(flow, [*options, *place], given, entry))

    def send(self, signum: int) -> None:
        """Send all of them a signal."""
        for member in self.members:
            member.send(signum)

    def kill(self) -> None:
        """End all of them with kill -9."""
        self.send(signal.SIGKILL)
        for member in self.members:
            member.process.wait()

    def wait(self, seconds: float) -> list[int]:
        """Return how each of them ended; those that don't are killed and count as -9."""
        try:
            wait_until(lambda: None not in self.statuses(), "the end of the flow", seconds)
        except AssertionError:
            self.kill()
        return [status for status in self.statuses() if status is not None]

    def drain(self, seconds: float) -> list[int]:
        """Send each SIGTERM and return how they ended."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def end(self) -> list[int]:
        """Let the rest of a cluster end of which one has ended, as a supervisor does."""
        return self.wait(END_SECONDS)

    def statuses(self) -> list[int | None]:
        """Return how each ended, or None."""
        return [member.status() for member in self.members]

    def any_ended(self) -> bool:
        """Tell whether one of them has ended."""
        return any(status is not None for status in self.statuses())

    def said(self) -> str:
        """Return what all of them have printed."""
        return "".join(member.output() for member in self.members)


def _addresses(count: int) -> str:
    return ";".join(f"{HOST}:{unused_port()}" for _ in range(count))


@contextmanager
def stopped(send: Callable[[int], None]) -> Iterator[None]:
    """Let processes stand still meanwhile."""
    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


def ended_with_a_line(statuses: Sequence[int]) -> bool:
    """Tell whether one ended by itself.

    The others lose their peer: the engine may abort them, or, where they still wait for Kafka or
    for the peer, the supervisor has to end them.
    """
    return 1 in statuses and set(statuses) <= {1, -signal.SIGABRT, -signal.SIGKILL}
