"""Reading a topic's committed records from one offset to another, and no further."""

import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Self, cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from connectors.client_log import client_options
from connectors.clients import open_consumer
from connectors.connection import Connection
from connectors.refusals import denied
from dlq.errors import CommandError
from dlq.letters import ConsumedLetter, Letter, read_letter
from dlq.marks import MarkError, Replayed
from dlq.selection import Selection

__all__ = ["CommittedReader", "Span", "read_letters", "read_marks", "spans"]

Span = tuple[TopicPartition, int]
"""Where to begin, and the offset to end before."""

POLL_SECONDS = 0.2  # how soon a stop is seen
REQUEST_SECONDS = 2.0
DEADLINE_SECONDS = 60.0  # for the first answer: a broker that is starting needs a while
# How long a fetch waits for records that aren't there. Nothing new is waited for here, and each
# other request waits behind it: with the default for half a second.
END_WAIT_MS = 10
# What the client reads ahead, which bounds its memory.
READ_AHEAD_BYTES = 16 * 1024 * 1024
OPTIONS = {
    "group.id": "dlq",  # required by the client; no group is joined
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": END_WAIT_MS,
    # Only if retention deletes letters just now: those are gone, the rest is read.
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": READ_AHEAD_BYTES // 1024,
    "fetch.max.bytes": READ_AHEAD_BYTES,
}


class CommittedReader:
    """A consumer without a group, to be closed at the end of a `with` block.

    Args:
        connection: how to reach the brokers.
        draining: ends all reading when set.
    """

    def __init__(self, connection: Connection, draining: Event) -> None:
        self._draining = draining
        self._consumer = open_consumer(connection, OPTIONS, **client_options(connection))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._consumer.close()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return a partition's first offset and the end of what is committed.

        Raises:
            CommandError: the broker refuses, or doesn't answer for a minute.
        """
        where = TopicPartition(topic, partition)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._draining.is_set():
            try:
                return self._consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                # The client calls nothing retriable here, not even a leader that isn't known yet.
                cause: KafkaError = error.args[0]
                if denied(cause) or time.monotonic() > deadline:
                    raise CommandError(_unreadable(topic, cause)) from None
                self._consumer.poll(POLL_SECONDS)  # serves its errors: a refused login ends here
        return 0, 0

    def read(self, span: Span) -> Iterator[Message]:
        """Yield the committed records of a span; fewer when told to stop.

        Raises:
            CommandError: reading failed for good; a broker that is away is waited for.
        """
        begin, end = span
        if begin.offset >= end:
            return
        self._consumer.assign([begin])
        while not self._draining.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            # The end is seen by a later record or by the client's word: the last offsets may be
            # those of control records, which are never returned.
            if _is_end(message, begin.topic) or (message.offset() or 0) >= end:
                return
            if message.error() is None:
                yield message


def spans(reader: CommittedReader, topic: str, partitions: int, selection: Selection) -> list[Span]:
    """Return what has to be read of a topic of dead letters, up to its end as of now.

    What is written later isn't read: a letter that is sent back and fails again comes as a new
    letter behind that end, so that a run can't meet its own.
    """
    found = []
    for partition in range(partitions):
        low, end = reader.bounds(topic, partition)
        first, behind = selection.bounds(partition, low, end)
        found.append((TopicPartition(topic, partition, first), behind))
    return found


def read_letters(
    reader: CommittedReader, parts: list[Span], show: Callable[[int], None]
) -> Iterator[Letter]:
    """Yield the letters of spans in the order of partitions and offsets.

    Args:
        reader: what reads them.
        parts: what to read.
        show: told how many offsets are behind, now and then.
    """
    done = 0
    for begin, end in parts:
        for message in reader.read((begin, end)):
            letter = read_letter(cast("ConsumedLetter", message))
            show(done + letter.offset - begin.offset)
            yield letter
        done += end - begin.offset
        show(done)


def read_marks(reader: CommittedReader, topic: str, replayed: Replayed) -> None:
    """Take over every mark of a topic.

    Raises:
        CommandError: reading failed, or there is a record that is no mark.
    """
    low, end = reader.bounds(topic, 0)
    for message in reader.read((TopicPartition(topic, 0, low), end)):
        if (value := message.value()) is None:
            continue
        try:
            replayed.load(value)
        except MarkError as error:
            raise CommandError(
                f"topic {topic} can't be used, {error}: is its name right?"
            ) from None


def _is_end(message: Message, topic: str) -> bool:
    error = message.error()
    if error is None or error.retriable():
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    raise CommandError(_unreadable(topic, error))


def _unreadable(topic: str, error: KafkaError) -> str:
    return f"can't read topic {topic}: {error.str()}{denied(error)}"
