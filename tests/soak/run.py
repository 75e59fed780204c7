"""One soak: a broker, a producer, and a flow that is restarted and sampled."""

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from itertools import cycle
from pathlib import Path

import psutil

from local_kafka import LocalKafka
from tests.soak.judge import Sample
from tests.soak.lag import LagMeter
from tests.support.flow import PROJECT, Flow, FlowProcess
from tests.support.processes import start_process
from tests.support.waiting import wait_until

__all__ = ["SoakPlan", "SoakResult", "soak"]

PARTITIONS = 4
SAMPLE_SECONDS = 1.0
START_SECONDS = 120.0  # for a process to report something
REPORT = "report: "
DRAIN_SECONDS = 60.0  # for the flow to write what is left once the producer has stopped
MEGABYTE = 1e6
# A soak of days must not fill the disk: an hour of logins is kept, in files of 64 MB.
KEPT = {"retention.ms": "3600000", "segment.bytes": "67108864"}


@dataclass(frozen=True)
class SoakPlan:
    """What to do.

    Attributes:
        seconds: how long the load lasts, without the times in which the flow starts or ends.
        rate: logins per second.
        life: seconds from its first report until the flow's process is ended and started again.
        folder: for the broker's data, logs and samples; has to be new.
    """

    seconds: float
    rate: float
    life: float
    folder: Path


@dataclass
class SoakResult:
    """What came of it.

    Attributes:
        samples: in order of time.
        restarts: seconds since the start, and the signal.
        faults: what the flow did wrong that samples don't show.
    """

    samples: list[Sample] = field(default_factory=list)
    restarts: list[tuple[float, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def soak(plan: SoakPlan) -> SoakResult:
    """Run the flow under load, end it again and again, and return the samples."""
    result = SoakResult()
    with LocalKafka(plan.folder / "kafka") as kafka:
        flow = Flow(kafka.bootstrap_servers, "soak", plan.folder)
        for topic in (flow.input, flow.output, flow.dead_letter_topic):
            flow.topics.make(topic, PARTITIONS, **KEPT)
        flow.topics.make(flow.progress_topic, PARTITIONS, **{"cleanup.policy": "compact"})
        meter = LagMeter(kafka.bootstrap_servers, flow.input, flow.progress_topic, PARTITIONS)
        try:
            with _table(plan.folder / "soak.csv") as write:
                _Soak(plan, flow, meter, result, write).run()
        finally:
            meter.close()
    return result


class _Soak:
    def __init__(
        self,
        plan: SoakPlan,
        flow: Flow,
        meter: LagMeter,
        result: SoakResult,
        write: "csv.DictWriter[str]",
    ) -> None:
        self._plan = plan
        self._flow = flow
        self._meter = meter
        self._result = result
        self._write = write
        self._began = time.monotonic()
        self._idle = 0.0  # seconds in all in which no process wrote: those of starts and ends
        self._options = flow.recovery_options()

    def run(self) -> None:
        """Go through life after life; then let the flow come to the end of its input, and stop."""
        process = None
        try:
            with _producer(self._flow, self._plan.rate):
                for life, signum in enumerate(cycle((signal.SIGTERM, signal.SIGKILL))):
                    process = FlowProcess(self._flow, self._options, {})
                    self._watch(process, life)
                    if self._over() or self._result.faults:
                        break
                    self._end(process, signum)
            if not self._result.faults:
                self._finish(process)
        finally:
            if process is not None:
                process.kill()

    def _over(self) -> bool:
        return time.monotonic() - self._began - self._idle >= self._plan.seconds

    def _watch(self, process: FlowProcess, life: int) -> None:
        """Sample until the process reports, and then until its life, or the soak, is over."""
        started = time.monotonic()
        if not self._sample(process, life, lambda: REPORT in process.output(), START_SECONDS):
            self._result.faults.append(_failed(process, life, "reported nothing"))
            return
        self._idle += time.monotonic() - started
        self._sample(process, life, self._over, self._plan.life)
        if process.process.poll() is not None:
            self._result.faults.append(_failed(process, life, "ended by itself"))

    def _sample(
        self, process: FlowProcess, life: int, enough: Callable[[], bool], most: float
    ) -> bool:
        """Sample until it is enough, at most for some seconds; tell whether it was."""
        watched = psutil.Process(process.process.pid)
        begin = due = time.monotonic()
        while not (found := enough()) and time.monotonic() - begin < most:
            if process.process.poll() is not None:
                return False
            with suppress(psutil.Error):  # it has just ended: seen in the next round
                self._take(watched, life)
            due += SAMPLE_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))
        return found

    def _take(self, watched: psutil.Process, life: int) -> None:
        lag = self._meter.lag()
        now = time.monotonic()
        sample = Sample(
            seconds=round(now - self._began, 2),
            life=life,
            age=round(time.time() - watched.create_time(), 2),
            rss=round(watched.memory_info().rss / MEGABYTE, 2),
            lag=lag,
            files=watched.num_fds(),
            threads=watched.num_threads(),
        )
        self._result.samples.append(sample)
        self._write.writerow({one.name: getattr(sample, one.name) for one in fields(sample)})

    def _end(self, process: FlowProcess, signum: signal.Signals) -> None:
        at = time.monotonic() - self._began
        self._result.restarts.append((at, signum.name))
        process.process.send_signal(signum)
        asked = time.monotonic()
        status = process.wait()
        self._idle += time.monotonic() - asked
        if signum == signal.SIGTERM and status != 0:
            self._result.faults.append(f"a drain after {at:.0f} s ended with status {status}")

    def _finish(self, process: FlowProcess | None) -> None:
        if process is None:
            return
        wait_until(lambda: self._meter.lag() == 0, "all of the input is written", DRAIN_SECONDS)
        if (status := process.stop()) != 0:
            self._result.faults.append(f"the last drain ended with status {status}")


def _failed(process: FlowProcess, life: int, what: str) -> str:
    last = process.output().strip().splitlines()[-1:]
    return f"life {life}: the flow {what}, its status is {process.process.poll()}: {last}"


@contextmanager
def _producer(flow: Flow, rate: float) -> Iterator[None]:
    """Send logins while the block runs."""
    with (flow.folder / "producer.log").open("wb") as output:
        process = start_process(
            [sys.executable, "-m", "producer", "--rate", str(rate)],
            cwd=PROJECT,
            env=flow.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(DRAIN_SECONDS)


@contextmanager
def _table(path: Path) -> Iterator["csv.DictWriter[str]"]:
    """Give a table whose lines are on disk at once, so that an ended soak leaves what it saw."""
    with path.open("w", newline="", buffering=1) as lines:
        writer = csv.DictWriter(lines, [one.name for one in fields(Sample)], lineterminator="\n")
        writer.writeheader()
        yield writer
