"""One client for all partitions that a worker reads: each takes its own records from it."""

from itertools import groupby

from confluent_kafka import Consumer, Message, TopicPartition

__all__ = ["WorkerConsumer"]


class WorkerConsumer:
    """Reads a worker's partitions together, and keeps for each what came while others asked.

    A client for each partition would cost threads, requests and a read-ahead each.

    Args:
        client: assigned to nothing yet.
        topic: which all partitions belong to.
        most_held: records kept for other partitions than the one that asks, beyond which no more
            are received; what one call receives may go beyond.
    """

    def __init__(self, client: Consumer, topic: str, most_held: int) -> None:
        self.client = client
        self._topic = topic
        self._most_held = most_held
        self._held: dict[int, list[Message]] = {}
        self._sought: dict[int, int] = {}
        self._left: dict[int, int] = {}
        self._new: list[TopicPartition] = []
        self._full = False

    def begin(self, partition: int, offset: int) -> None:
        """Read a partition from an offset on."""
        self._held[partition] = []
        self._new.append(TopicPartition(self._topic, partition, offset))

    def take(self, partition: int, most: int) -> list[Message]:
        """Return what has come for a partition, errors as well, in order; don't wait for more."""
        if self._new:  # together: all that a worker has are there before the first one asks
            self.client.incremental_assign(self._new)
            self._new = []
        if self._may_receive(partition):
            self._receive(partition, most)
        held = self._held[partition]
        self._held[partition] = held[most:]
        return held[:most]

    def has_more(self, partition: int) -> bool:
        """Tell whether to ask for a partition again at once."""
        return bool(self._held[partition]) or (self._full and self._may_receive(partition))

    def position(self, partition: int) -> int:
        """Return the offset behind what was taken; transaction markers count, though unseen.

        It is negative before anything was received.
        """
        position = self._received_to(partition)
        if held := self._held[partition]:
            # An error may belong to a place that reading has left, far beyond what was read.
            position = min(position, held[0].offset() or 0)
        return position

    def go_on_at(self, partition: int, offset: int) -> None:
        """Continue a partition at an offset; records already received from it are discarded."""
        self._held[partition] = []
        self._sought[partition] = offset
        where = TopicPartition(self._topic, partition, offset)
        # Not a seek, which the client refuses after it has lost its way in a damaged batch.
        self.client.incremental_unassign([where])
        self.client.incremental_assign([where])
        # The client forgets its position in the background: it may still return the former one.
        self._left[partition] = self._client_position(partition)

    def is_elsewhere(self, message: Message) -> bool:
        """Tell whether an error belongs to another offset than the next, after reading was moved.

        The client still delivers errors from a wrong place that reading has already left.
        """
        partition = message.partition()
        return partition in self._sought and message.offset() != self.position(partition)

    def pause(self, partition: int) -> None:
        """Stop reading a partition; records already received from it are discarded."""
        self._held[partition] = []
        self.client.pause([TopicPartition(self._topic, partition)])

    def end(self, partition: int) -> None:
        """Let go of a partition; with the last one the client is closed."""
        del self._held[partition]
        if not self._held:
            self.client.close()

    def _received_to(self, partition: int) -> int:
        """Return the offset behind what was received, or where reading has moved to since."""
        position = self._client_position(partition)
        sought = self._sought.get(partition, position)
        if position == self._left.get(partition):
            return sought
        self._left.pop(partition, None)
        return max(position, sought)

    def _client_position(self, partition: int) -> int:
        position: int = self.client.position([TopicPartition(self._topic, partition)])[0].offset
        return position

    def _may_receive(self, partition: int) -> bool:
        for_others = sum(map(len, self._held.values())) - len(self._held[partition])
        return for_others <= self._most_held

    def _receive(self, partition: int, most: int) -> None:
        missing = most - len(self._held[partition])
        if missing <= 0:
            return
        received = self.client.consume(missing, 0)
        self._full = len(received) == missing
        for number, messages in groupby(received, Message.partition):
            if number in self._held:
                self._held[number] += messages
            elif number is None:  # an error of no partition
                self._held[partition] += messages
