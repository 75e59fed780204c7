"""A seed's run: the flow and its input, the faults of the schedule one by one, the verdict."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local_kafka import LocalKafka
from tests.crash import input_changes, takeovers
from tests.crash.audit import Audit
from tests.crash.cluster import Cluster, ended_with_a_line, stopped
from tests.crash.feed import Feed, Partitions
from tests.crash.monitor import Monitor
from tests.crash.schedule import REAL_SECONDS, Fault, Schedule
from tests.crash.subjects import LOGIN, Subject
from tests.crash.takeovers import FENCED
from tests.support.flow import Flow
from tests.support.waiting import wait_until

__all__ = ["BROKER_PROPERTIES", "Outcome", "SeedRun"]

# A broker looks for transactions past their time-out every 10 s; here they are a few seconds long.
BROKER_PROPERTIES = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500"}
DRAIN_SECONDS = 30.0  # what the compose files and Kubernetes give it
RECOVER_SECONDS = 120.0  # for the flow to have dealt with what was there when a fault was over
POINT_SECONDS = 60.0
PIECE = 100  # records at a time for a process that is to end at a point: each makes it write again
FED_LATER = {"zombie", "stalled-start", "two-on-one-folder", "more-partitions"}
REFUSED = (FENCED, "writing failed", "can't begin transactions", "can't read")


@dataclass
class Outcome:
    """What a seed's run came to.

    Attributes:
        schedule: what was done.
        audit: what was found on the topics.
        reached: how often each fault point was.
        restarts: how often the flow was started.
        stall: the longest time in seconds in which nothing was written though there was input.
        seconds: how long the run took.
        faults: what went wrong apart from lost and repeated records, one line each.
    """

    schedule: Schedule
    audit: Audit = field(default_factory=Audit)
    reached: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    stall: float = 0.0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def failed(self, *, twice_allowed: bool = False) -> bool:
        """Tell whether a guarantee was broken."""
        wrong = self.audit.faults
        if twice_allowed:
            wrong = [line for line in wrong if not line.startswith("twice")]
        return bool(self.faults or wrong or self.audit.lost)


class SeedRun:
    """Runs a schedule.

    Args:
        broker: to run it on; it may be killed and started again.
        folder: for recovery state and logs.
        schedule: what happens.
        count: how many records are fed.
        subject: the flow that is put to the test.
        settings: of the flow.
        entry: the module to run, where it isn't the subject's own.
    """

    def __init__(
        self,
        broker: LocalKafka,
        folder: Path,
        schedule: Schedule,
        count: int,
        subject: Subject = LOGIN,
        settings: dict[str, str] | None = None,
        entry: str | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        self._broker = broker
        self.schedule = schedule
        self._count = count
        self._subject = subject
        self._entry = entry or subject.entry
        self._marks = folder / "marks"
        self._marks.mkdir()
        self.flow = Flow(broker.bootstrap_servers, _name(), folder, self._settings(settings))
        self._input = subject.input(self.flow)
        partitions = Partitions(schedule.partitions)
        wanted = subject.records(schedule.seed, count, partitions)
        self.feed = Feed(broker.bootstrap_servers, self._input, wanted, count, partitions)
        self._share = count // (len(schedule.faults) + 1)  # of the input, for each fault
        self._processes = schedule.processes
        self._outcome = Outcome(schedule)
        self.cluster: Cluster
        self.monitor: Monitor

    def run(self) -> Outcome:
        """Do all of it."""
        begin = time.monotonic()
        self.flow.topics.make(self._input, self.schedule.partitions, **{"retention.ms": "-1"})
        self.feed.start()
        with ExitStack() as stack:
            stack.callback(self._end_all)
            self._go(stack)
            self._finish()
            if self.schedule.recreate_input and (problem := input_changes.recreate_input(self)):
                self._blame("recreate-input", problem)
        self._outcome.seconds = time.monotonic() - begin
        return self._outcome

    def _settings(self, more: dict[str, str] | None) -> dict[str, str]:
        real = self.schedule.timeout == REAL_SECONDS
        return {
            "BATCH_SIZE": str(self.schedule.batch_size),
            "IDLE_PARTITION_SECONDS": str(self.schedule.idle_seconds),
            # A start that waits is waited for as long as any other recovery, on a busy machine too.
            "BROKER_WAIT_SECONDS": str(int(RECOVER_SECONDS)),
            "FAULT_MARKS": str(self._marks),
            **({} if real else {"TRANSACTION_SECONDS": str(self.schedule.timeout)}),
            **(more or {}),
        }

    def _go(self, stack: ExitStack) -> None:
        faults = self.schedule.faults
        self.feed.allow(self._share)
        first = faults[0] if faults and faults[0].point == "first-snapshot" else None
        self.start(point=first)
        self.monitor = self._follow()
        stack.callback(self.monitor.stop)
        if first:
            self._await_point(first)
        for fault in faults[1:] if first else faults:
            self._inject(fault)
        self.feed.allow(self._count - self._share * (len(faults) + (0 if first else 1)))

    def _follow(self) -> Monitor:
        topics, progress = self.flow.topics, self._subject.progress(self.flow)
        wait_until(lambda: topics.describe(progress)["error_code"] == 0, "topics", 60)
        monitor = Monitor(self._broker.bootstrap_servers, progress, self.feed)
        monitor.start()
        return monitor

    def _inject(self, fault: Fault) -> None:
        """Let the flow write some of what is new, do the fault, and see it recover."""
        before = dict(self.monitor.written)
        self.feed.allow(self._share - self.for_later(fault))
        self.supervised(lambda: self._wrote_since(before, fault), "outputs", fault)
        time.sleep(fault.delay)  # part of the schedule: faults come at any moment
        name = "point" if fault.point else fault.kind.replace("-", "_")
        if problem := getattr(self, f"_do_{name}")(fault):
            self._blame(fault, problem)
        goal = dict(self.feed.ends)
        self.supervised(lambda: self.monitor.reached(goal), "recovery", fault)

    def _wrote_since(self, before: dict[int, int], fault: Fault) -> bool:
        """Tell whether outputs came; of all partitions, where a zombie is to be made.

        A process that stood still before it had opened them all goes on to, and rightly takes the
        rest over in turn: the one that opens a partition last may write there.
        """
        written = self.monitor.written
        grown = [
            written.get(part, 0) > before.get(part, 0) for part in range(self.feed.partitions.now)
        ]
        return all(grown) if fault.kind == "zombie" else any(grown)

    def for_later(self, fault: Fault) -> int:
        """Return how much of the share is kept for what is started again: it finds it to write."""
        return self._share // 3 if fault.point or fault.kind in FED_LATER else 0

    def supervised(self, condition: Callable[[], bool], what: str, fault: Fault | str) -> None:
        """Wait; a process that ends meanwhile, which none should, is started again."""
        deadline = time.monotonic() + RECOVER_SECONDS
        while not condition():
            if self.cluster.any_ended():
                self._blame(fault, f"a process ended by itself, waiting for {what}")
                self.restart()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{fault}: no {what} within {RECOVER_SECONDS} s")
            time.sleep(0.02)

    def wait(self, condition: Callable[[], bool], fault: Fault, seconds: float) -> None:
        """Wait for a condition.

        Raises:
            TimeoutError: it is not met within so many seconds.
        """
        try:
            wait_until(condition, f"{fault}", seconds)
        except AssertionError as error:
            raise TimeoutError(str(error)) from None

    def use_another_folder(self, *, copied: bool) -> None:
        """Let whatever is started from now on have a folder of its own, as on another machine.

        Args:
            copied: with the state in it, as from a backup; without it the folder is made new.
        """
        taken = self.flow.folder / f"recovery-{time.monotonic_ns()}"
        if copied:
            shutil.copytree(self.flow.recovery, taken)
        self.flow.recovery = taken

    def _blame(self, fault: Fault | str, problem: str) -> None:
        logs = [member.log.name for member in self.cluster.members]
        self._outcome.faults.append(f"{fault}: {problem} ({', '.join(logs)})")

    # Faults. Each returns what was wrong with how the flow took it, if anything.

    def _do_kill_all(self, fault: Fault) -> None:
        self.cluster.kill()
        self.start(fault.value)

    def _do_kill_one(self, fault: Fault) -> None:
        members = self.cluster.members
        members[fault.value % len(members)].send(signal.SIGKILL)
        self.restart()

    def _do_drain(self, fault: Fault) -> str | None:
        if not all(self._drained(self.cluster)):
            problem = f"drained with statuses {self.cluster.statuses()}"
            self.start(fault.value)
            return problem
        self.start(fault.value)
        return None

    def _drained(self, cluster: Cluster) -> Iterator[bool]:
        """Tell of each process whether it ended in order; one that just began may die at once."""
        cluster.drain(DRAIN_SECONDS)
        for member in cluster.members:
            at_once = member.status() == -signal.SIGTERM and not member.output()
            yield member.status() == 0 or at_once

    def _do_nap(self, fault: Fault) -> str | None:
        members = self.cluster.members
        member = members[fault.value % len(members)]
        with stopped(member.send):
            time.sleep(fault.value)
        return None

    def _do_sleep(self, fault: Fault) -> str | None:
        with stopped(self.cluster.send):
            time.sleep(self.schedule.timeout + fault.value)
        return self._allow_end()

    _do_zombie = takeovers.zombie
    _do_stalled_start = takeovers.stalled_start
    _do_two_on_one_folder = takeovers.two_on_one_folder
    _do_more_partitions = input_changes.more_partitions

    def _do_broker_nap(self, fault: Fault) -> str | None:
        away = time.monotonic()
        with self._broker_stopped():
            time.sleep(fault.value)
        return self._after_broker(away)

    def _do_broker_kill(self, fault: Fault) -> str | None:
        away = time.monotonic()
        self._broker.kill()
        time.sleep(fault.value)
        self._broker.start()
        return self._after_broker(away)

    def _after_broker(self, away: float) -> str | None:
        """The flow goes on by itself; unless, on a busy machine, the broker took too long."""
        if time.monotonic() - away < self.schedule.timeout / 2:
            return None
        return self._allow_end()

    def _do_broker_sleep(self, fault: Fault) -> str | None:
        with self._broker_stopped():
            time.sleep(self.schedule.timeout + fault.value)
        return self._allow_end()

    def _do_restart(self, fault: Fault) -> None:
        self.cluster.kill()
        self._broker.kill()
        self._broker.start()
        self.start(fault.value)

    def _do_point(self, fault: Fault) -> None:
        """Start anew with a process that will end at the point, and wait until it has."""
        self.cluster.kill()
        self.start(point=fault)
        self._await_point(fault, self.for_later(fault))

    def _await_point(self, fault: Fault, later: int = 0) -> None:
        """Wait until a process has ended at the point, or there is nothing left to reach it by."""
        deadline = time.monotonic() + POINT_SECONDS
        while not self.cluster.any_ended() and time.monotonic() < deadline:
            if self.all_written():
                if not later:
                    break
                piece = min(PIECE, later)
                self.feed.allow(piece)
                later -= piece
            time.sleep(0.02)
        self.feed.allow(later)
        if fault.point == "draining" or not self.cluster.any_ended():
            self.cluster.drain(DRAIN_SECONDS)
        self._count_marks()
        self.restart()

    def all_written(self) -> bool:
        """Tell whether there is nothing left to write of what was fed so far."""
        return self.feed.done() and self.monitor.reached(dict(self.feed.ends))

    def _count_marks(self) -> None:
        for mark in list(self._marks.iterdir()):
            self._outcome.reached[mark.name.partition(".")[0]] += 1
            mark.unlink()

    # The parts of it all.

    def start(self, processes: int | None = None, point: Fault | None = None) -> None:
        """Start the flow, with as many processes as before unless said otherwise."""
        self._processes = processes or self._processes
        self._outcome.restarts += 1
        armed = {}
        if point and point.point:
            moment = f"{point.delay / 100:.4f}"  # up to 12 ms: as long as the call may take
            armed = {
                "FAULT_POINT": point.point,
                "FAULT_CALL": str(point.value),
                "FAULT_MOMENT": moment,
            }
        everyone = armed if point and point.point == "insights" else {}
        self.cluster = Cluster(
            self.flow, self._processes, self._entry, settings=everyone, one=armed
        )

    def restart(self) -> None:
        """Do what a supervisor does when a process has ended."""
        self.cluster.end()
        self.start()

    def _allow_end(self) -> str | None:
        """Let the flow end if it has to, with a line that says why; else it goes on."""
        goal = dict(self.feed.ends)
        deadline = time.monotonic() + RECOVER_SECONDS
        while not self.cluster.any_ended():
            if self.monitor.reached(goal):
                return None
            if time.monotonic() > deadline:
                return "it neither ended nor went on"
            time.sleep(0.02)
        statuses, said = self.cluster.end(), self.cluster.said()
        self.start()
        if not ended_with_a_line(statuses):
            return f"it ended with {statuses}"
        return None if any(line in said for line in REFUSED) else "it ended and didn't say why"

    @contextmanager
    def _broker_stopped(self) -> Iterator[None]:
        self._broker.pause()
        try:
            yield
        finally:
            self._broker.resume()

    def _finish(self) -> None:
        """Feed the rest, drain, read to the end once more, and judge."""
        self.supervised(self.feed.done, "the rest of the input", "end")
        goal = dict(self.feed.ends)
        self.supervised(lambda: self.monitor.reached(goal), "all outputs", "end")
        if not all(self._drained(self.cluster)):
            self._blame("end", f"drained with statuses {self.cluster.statuses()}")
        last = Cluster(self.flow, 1, self._entry, settings={"STOP_AT_END": "true"})
        if last.wait(RECOVER_SECONDS) != [0]:
            self._outcome.faults.append(f"the last run failed: {last.members[0].log}")
        self._outcome.stall = self.monitor.longest_stall
        self._outcome.audit = self._subject.audit(self.flow, self.feed.sent)

    def _end_all(self) -> None:
        self._broker.resume()
        if hasattr(self, "cluster"):
            self.cluster.send(signal.SIGCONT)
            self.cluster.kill()


def _name() -> str:
    return f"crash-{os.getpid()}-{time.monotonic_ns()}"
