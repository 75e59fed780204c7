"""How far the flow has come, as the progress topic says to anyone who reads committed records."""

import time
from itertools import chain
from threading import Event, Thread

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from models import Progress
from tests.crash.feed import METADATA_MS, Feed

__all__ = ["Monitor"]

POLL_MS = 50


class Monitor(Thread):
    """Follows the progress records, and notes for how long nothing was written.

    Args:
        servers: of the broker.
        topic: the progress topic; it has to exist, and may get more partitions.
        feed: tells what there is to be written.
    """

    def __init__(self, servers: str, topic: str, feed: Feed) -> None:
        super().__init__(name="monitor", daemon=True)
        self._servers = servers
        self._topic = topic
        self._feed = feed
        self._ended = Event()
        self._grown = time.monotonic()
        self.written: dict[int, int] = {}
        self.longest_stall = 0.0

    def reached(self, goal: dict[int, int]) -> bool:
        """Tell whether all outputs of input records before these offsets are written."""
        return all(self.written.get(part, 0) >= offset for part, offset in goal.items())

    def total(self) -> int:
        """Return how many offsets of all partitions are dealt with."""
        return sum(self.written.values())

    def stop(self) -> None:
        """End following, and return when it has ended."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Follow until stopped."""
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=METADATA_MS,
        )
        while not self._ended.is_set():
            self._follow_all(consumer)
            self._poll(consumer)
            self._note_stall()
        consumer.close()

    def _follow_all(self, consumer: KafkaConsumer) -> None:
        """Follow the partitions that are new, too; the others go on where they are."""
        known = consumer.partitions_for_topic(self._topic) or set()
        if len(known) > len(consumer.assignment()):
            consumer.assign([TopicPartition(self._topic, partition) for partition in known])

    def _poll(self, consumer: KafkaConsumer) -> None:
        try:
            polled = consumer.poll(timeout_ms=POLL_MS)
        except KafkaError:  # the broker is away
            return
        # All of them: with the stock sink two input partitions may share one of the topic's.
        for record in chain.from_iterable(polled.values()):
            progress = msgspec.json.decode(record.value, type=Progress)
            if progress.offset > self.written.get(progress.partition, 0):
                self.written[progress.partition] = progress.offset
                self._grown = time.monotonic()

    def _note_stall(self) -> None:
        now = time.monotonic()
        if self.reached(dict(self._feed.ends)):
            self._grown = now  # nothing to do is not a stall
        self.longest_stall = max(self.longest_stall, now - self._grown)
