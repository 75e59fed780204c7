"""One client for all partitions that a worker reads, from which each takes its own records."""

from itertools import groupby

from confluent_kafka import Consumer, Message, TopicPartition

__all__ = ["WorkerConsumer"]


class WorkerConsumer:
    """Reads a worker's partitions together, and buffers what arrives for those that didn't ask.

    One client per partition would cost threads, requests and buffers for each.

    Args:
        client: without an assignment.
        topic: that all partitions belong to.
        max_buffered: nothing more is received while more records than this are buffered for
            partitions other than the asking one; a single call may exceed it.
    """

    def __init__(self, client: Consumer, topic: str, max_buffered: int) -> None:
        self.client = client
        self._topic = topic
        self._max_buffered = max_buffered
        self._buffered: dict[int, list[Message]] = {}
        self._resumed_at: dict[int, int] = {}
        self._stale_position: dict[int, int] = {}
        self._new: list[TopicPartition] = []
        self._full = False

    def begin(self, partition: int, offset: int) -> None:
        """Read a partition from an offset on."""
        self._buffered[partition] = []
        self._new.append(TopicPartition(self._topic, partition, offset))

    def take(self, partition: int, most: int) -> list[Message]:
        """Return what has arrived for a partition, errors included, in order, without waiting."""
        if self._new:  # all at once: every partition of a worker begins before the first one takes
            self.client.incremental_assign(self._new)
            self._new = []
        if self._may_receive(partition):
            self._receive(partition, most)
        buffered = self._buffered[partition]
        self._buffered[partition] = buffered[most:]
        return buffered[:most]

    def has_more(self, partition: int) -> bool:
        """Tell whether taking from a partition again at once may return more."""
        return bool(self._buffered[partition]) or (self._full and self._may_receive(partition))

    def position(self, partition: int) -> int:
        """Return the offset after what was taken, past transaction markers that aren't returned.

        It is negative before anything was received.
        """
        position = self._received_to(partition)
        if buffered := self._buffered[partition]:
            # An error may belong to an earlier position, far beyond what was read.
            position = min(position, buffered[0].offset() or 0)
        return position

    def resume_at(self, partition: int, offset: int) -> None:
        """Continue a partition at an offset; records already received from it are discarded."""
        self._buffered[partition] = []
        self._resumed_at[partition] = offset
        where = TopicPartition(self._topic, partition, offset)
        # Not a seek, which the client refuses after it got lost in a damaged batch.
        self.client.incremental_unassign([where])
        self.client.incremental_assign([where])
        # The client resets its position in the background: it may still return the previous one.
        self._stale_position[partition] = self._client_position(partition)

    def is_stale_error(self, message: Message) -> bool:
        """Tell whether an error isn't about the next offset, after `resume_at`.

        The client may still deliver errors from the position that reading has left.
        """
        partition = message.partition()
        return partition in self._resumed_at and message.offset() != self.position(partition)

    def pause(self, partition: int) -> None:
        """Stop reading a partition; records already received from it are discarded."""
        self._buffered[partition] = []
        self.client.pause([TopicPartition(self._topic, partition)])

    def end(self, partition: int) -> None:
        """Stop reading a partition for good; with the last one the client is closed."""
        del self._buffered[partition]
        if not self._buffered:
            self.client.close()

    def _received_to(self, partition: int) -> int:
        """Return the offset after what was received, or the one that reading has since moved to."""
        position = self._client_position(partition)
        resumed_at = self._resumed_at.get(partition, position)
        if position == self._stale_position.get(partition):
            return resumed_at
        self._stale_position.pop(partition, None)
        return max(position, resumed_at)

    def _client_position(self, partition: int) -> int:
        position: int = self.client.position([TopicPartition(self._topic, partition)])[0].offset
        return position

    def _may_receive(self, partition: int) -> bool:
        for_others = sum(map(len, self._buffered.values())) - len(self._buffered[partition])
        return for_others <= self._max_buffered

    def _receive(self, partition: int, most: int) -> None:
        missing = most - len(self._buffered[partition])
        if missing <= 0:
            return
        received = self.client.consume(missing, 0)
        self._full = len(received) == missing
        for number, messages in groupby(received, Message.partition):
            if number in self._buffered:
                self._buffered[number] += messages
            elif number is None:  # an error that concerns no partition
                self._buffered[partition] += messages
