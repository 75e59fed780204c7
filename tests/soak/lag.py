"""How many input records are not yet written, from the topics alone."""

import time

import msgspec
from kafka import KafkaConsumer, TopicPartition

from models import Progress

__all__ = ["LagMeter"]

CATCH_UP_SECONDS = (
    2.0  # for one look; a progress topic that has more than that to say says it later
)


class LagMeter:
    """Follows the progress records of an input topic.

    Args:
        servers: of the broker.
        topic: the input topic.
        progress_topic: has to exist, with as many partitions.
        partitions: how many the input has.
    """

    def __init__(self, servers: str, topic: str, progress_topic: str, partitions: int) -> None:
        self._input = [TopicPartition(topic, part) for part in range(partitions)]
        self._written = dict.fromkeys(range(partitions), 0)
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        self._consumer.assign([TopicPartition(progress_topic, part) for part in range(partitions)])

    def lag(self) -> int:
        """Return the number of input records that are in the log and whose outputs aren't."""
        ends = self._consumer.end_offsets(self._input)
        self._catch_up()
        return sum(max(0, ends[at] - self._written[at.partition]) for at in self._input)

    def _catch_up(self) -> None:
        """Read what there is of progress records."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while time.monotonic() < deadline:
            polled = self._consumer.poll(timeout_ms=20)
            if not polled:
                return
            for records in polled.values():
                progress = msgspec.json.decode(records[-1].value, type=Progress)
                self._written[progress.partition] = progress.offset

    def close(self) -> None:
        """End the consumer."""
        self._consumer.close()
