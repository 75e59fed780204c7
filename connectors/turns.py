"""Which partitions of a worker are polled next, so that few records are in work at once."""

from threading import local

__all__ = ["Turns"]


class Turns(local):
    """Bounds what a worker takes on at a time, and gives each of its partitions a turn.

    Each time it runs the source, the engine asks all partitions that are due, in a set order,
    before the next step sees a record. With many partitions and a backlog all their batches would
    be in memory together.

    One object serves all workers of a process: each thread sees turns of its own.

    Args:
        limit: how many records a worker takes on before it works on them; the batch that reaches
            it may go beyond.

    Attributes:
        left: how many of them it has still to take on.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.left = limit
        self._asked: set[int] = set()
        self._first: set[int] = set()
        self._refused: set[int] = set()

    def may_poll(self, partition: int) -> bool:
        """Tell whether it is a partition's turn; if not, it is among the first ones next time."""
        if partition in self._asked:  # none is asked twice in one run of the source
            self._begin()
        self._asked.add(partition)
        if self._first and partition not in self._first:
            return False
        if self.left <= 0:
            self._refused.add(partition)
            return False
        return True

    def handed_on(self, records: int) -> None:
        """Count records that the worker has taken on."""
        self.left -= records

    def _begin(self) -> None:
        self.left = self._limit
        self._asked = set()
        self._first, self._refused = self._refused, set()
