"""Which of a worker's partitions may be polled next, so that few records are in memory at once."""

from threading import local

__all__ = ["FairPolling"]


class FairPolling(local):
    """Limits how many records a worker polls at a time, and lets its partitions poll in turn.

    Each time it runs the source, the engine asks all partitions that are due, in a fixed order,
    before the next step sees a record. With many partitions and a backlog, the batches of all of
    them would be in memory together.

    All workers of a process share one object: each thread sees state of its own.

    Args:
        limit: how many records a worker polls before it processes them; the last batch may exceed
            it.

    Attributes:
        remaining: how many of them the worker may still poll.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.remaining = limit
        self._asked: set[int] = set()
        self._next: set[int] = set()
        self._denied: set[int] = set()

    def may_poll(self, partition: int) -> bool:
        """Tell whether a partition may poll; if not, it is among the first ones next time."""
        if partition in self._asked:  # asked again: a new run of the source
            self._begin()
        self._asked.add(partition)
        if self._next and partition not in self._next:
            return False
        if self.remaining <= 0:
            self._denied.add(partition)
            return False
        return True

    def add(self, records: int) -> None:
        """Count records that a partition has polled."""
        self.remaining -= records

    def _begin(self) -> None:
        self.remaining = self._limit
        self._asked = set()
        self._next, self._denied = self._denied, set()
