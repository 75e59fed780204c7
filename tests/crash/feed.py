"""Logins and hostile messages, put into the input topic while the flow runs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from threading import Condition, Thread
from typing import Any

import msgspec
from kafka import KafkaProducer

from producer.hostile import hostile_messages
from tests.support.logins import EPOCH, login

__all__ = ["HOSTILE", "Feed", "Partitions", "records"]

HOSTILE_SHARE = 0.02
STRAGGLER_SHARE = 0.02
LATEST_SECONDS = 200
LOGINS_A_SECOND = 10  # of event time, over all partitions: some windows close within a run
PACE = 2_500  # records a real second
CHUNK = 50
METADATA_MS = 1_000  # after which a producer asks how many partitions there are
LARGEST = 5_000  # bytes of a hostile message: big ones are tested elsewhere, and slow here
# What the record contract names a fate for, as of the first login: later on they are late.
HOSTILE = [
    message
    for message in hostile_messages(EPOCH)
    if message.record_timestamp_ms is None
    and len(message.value or b"") + sum(len(value) for _, value in message.headers) <= LARGEST
]


@dataclass
class Partitions:
    """How many partitions the input has, while it may get more.

    Attributes:
        first: how many it had at first.
    """

    first: int

    def __post_init__(self) -> None:
        self.now = self.first


def records(seed: int, count: int, partitions: Partitions) -> Iterator[dict[str, Any]]:
    """Return what is fed: logins, some of them late, and every so often something hostile.

    A partition that is new while windows are open gets logins in their order only: what comes into
    it for a window that is closed by then is late, though it is the partition's first.
    """
    random = Random(seed)  # noqa: S311 - test data
    for number in range(count):
        partition = random.randrange(partitions.now)
        new = partition >= partitions.first
        if random.random() < HOSTILE_SHARE and not new:
            message = random.choice(HOSTILE)
            yield {
                "key": message.key,
                "value": message.value,
                "headers": list(message.headers),
                "partition": partition,
                "timestamp_ms": EPOCH * 1_000,
            }
            continue
        one = login(number)
        one["timestamp"] = EPOCH + number // LOGINS_A_SECOND
        if random.random() < STRAGGLER_SHARE and not new:
            one["timestamp"] -= random.randint(1, LATEST_SECONDS)
        yield {"value": msgspec.json.encode(one), "partition": partition}


class Feed(Thread):
    """Sends records at a steady pace, up to where it is allowed to.

    Args:
        servers: of the broker.
        topic: where to send.
        wanted: the records, as KafkaProducer.send takes them.
        count: how many there are.
        partitions: of the topic; kept up to date by what the producer sees of it.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        wanted: Iterator[dict[str, Any]],
        count: int,
        partitions: Partitions,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self._servers = servers
        self._topic = topic
        self._wanted = wanted
        self._count = count
        self.partitions = partitions
        self._allowed = 0
        self._changed = Condition()
        self.ends: dict[int, int] = {}  # by partition: the offset behind what is acknowledged
        self.sent = 0
        self.failure: Exception | None = None

    def allow(self, count: int) -> None:
        """Let it send that many records more."""
        with self._changed:
            self._allowed += count
            self._changed.notify()

    def done(self) -> bool:
        """Tell whether all that is allowed is sent and acknowledged."""
        if self.failure:
            raise self.failure
        return self.sent >= self._allowed

    def run(self) -> None:
        """Send until there is nothing more."""
        try:
            producer = KafkaProducer(
                bootstrap_servers=self._servers,
                linger_ms=5,
                delivery_timeout_ms=300_000,
                metadata_max_age_ms=METADATA_MS,
            )
            while self.sent < self._count:
                self._send_chunk(producer)
                time.sleep(CHUNK / PACE)
            producer.close()
        except Exception as error:  # noqa: BLE001 - handed to whoever asks whether it is done
            self.failure = error

    def _send_chunk(self, producer: KafkaProducer) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._allowed > self.sent)
            count = min(CHUNK, self._allowed - self.sent)
        known = producer.partitions_for(self._topic)
        self.partitions.now = max(self.partitions.now, len(known))
        chunk = list(islice(self._wanted, count))
        answers = [producer.send(self._topic, **record) for record in chunk]
        for answer in answers:
            at = answer.get(timeout=300)
            self.ends[at.partition] = max(at.offset + 1, self.ends.get(at.partition, 0))
        self.sent += len(chunk)
