"""The engine respects fair polling: records in memory are bounded, whatever the backlog."""

from datetime import UTC, datetime
from typing import Any

import bytewax.operators as op
import bytewax.testing
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink

from connectors.fair_polling import FairPolling

engine: Any = bytewax.testing  # the engine's Rust part has no types

PARTITIONS = 20
BATCH = 10
BATCHES = 15  # of each partition
LIMIT = 4 * BATCH


class InWork:
    """How many records were read and not yet processed, now and at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def add(self, records: int) -> None:
        """Count records in, or out."""
        self.now += records
        self.most = max(self.most, self.now)


class Partition(StatefulSourcePartition[int, None]):
    """Has a backlog of full batches."""

    def __init__(self, number: int, polling: FairPolling, in_work: InWork) -> None:
        self._number = number
        self._polling = polling
        self._in_work = in_work
        self._left = BATCHES

    def next_batch(self) -> list[int]:
        """Return the next batch, if this partition may poll."""
        if not self._left:
            raise StopIteration
        if not self._polling.may_poll(self._number):
            return []
        self._left -= 1
        self._polling.add(BATCH)
        self._in_work.add(BATCH)
        return [self._number]

    def next_awake(self) -> datetime | None:
        """Ask again at once."""
        return datetime.now(UTC)

    def snapshot(self) -> None:
        """Keep nothing."""


class Source(FixedPartitionedSource[int, None]):
    """Partitions that share one limit."""

    def __init__(self, in_work: InWork) -> None:
        self._polling = FairPolling(LIMIT)
        self._in_work = in_work

    def list_parts(self) -> list[str]:
        """Name them in the order of their numbers."""
        return [f"{number:05d}" for number in range(PARTITIONS)]

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> Partition:
        """Open one."""
        return Partition(int(for_part), self._polling, self._in_work)


def test_a_backlog_on_many_partitions_is_processed_a_few_batches_at_a_time() -> None:
    """Reading is ahead of processing by the limit at most, and no partition falls behind."""
    in_work = InWork()
    done: list[int] = []

    def work(partition: int) -> int:
        in_work.add(-BATCH)
        return partition

    flow = Dataflow("fair-polling")
    worked = op.map("work", op.input("read", flow, Source(in_work)), work)
    op.output("done", worked, TestingSink(done))
    engine.run_main(flow)
    assert in_work.most <= LIMIT
    assert sorted(done) == sorted(list(range(PARTITIONS)) * BATCHES)
    # Together, not one after another: a partition left behind would hold the windows open.
    assert len(set(done[:PARTITIONS])) == PARTITIONS
