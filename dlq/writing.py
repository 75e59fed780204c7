"""Sending letters back: each batch is a transaction together with its marks."""

from collections.abc import Sequence
from typing import NoReturn

import msgspec
from confluent_kafka import TopicPartition

from connectors.writers import open_transactional_writer
from dlq.errors import CommandError
from dlq.fates import Outgoing
from dlq.marks import Mark, mark_key
from dlq.topics import InputTopic, marks_topic
from settings import Settings

__all__ = ["TransactionalReplay"]


class TransactionalReplay:
    """Writes batches of letters to the input topic, and which ones they were, as one.

    All replays of one dead-letter topic share a transactional.id, so that only the last one
    started can write, and what it reads of the marks is all that was ever replayed.

    Args:
        settings: the process's settings.
        target: the input topic.

    Raises:
        CommandError: the broker refuses, or doesn't answer in time.
    """

    def __init__(self, settings: Settings, target: InputTopic) -> None:
        self._target = target
        self._marks = marks_topic(settings)
        self._writer = open_transactional_writer(
            settings, self._marks, "replay", [target.limit], _fail
        )
        inputs = [TopicPartition(target.name, number) for number in range(target.partitions)]
        self._writer.sweep([*inputs, TopicPartition(self._marks, 0)])

    def write(self, records: Sequence[Outgoing], marks: Sequence[Mark]) -> None:
        """Send a batch and return when it is committed.

        Only now is any of it there for a reader of committed records.

        Raises:
            CommandError: the batch isn't there, or it isn't known whether it is. Either way the
                marks say the same as the input topic, so that a repeat goes on rightly.
        """
        self._writer.write(lambda: self._send(records), lambda: self._mark(marks))
        self._writer.wait()

    def close(self) -> None:
        """Let go of the broker, once all that was written is committed."""
        self._writer.close()

    def _send(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            self._writer.send(
                self._target.name, record.partition, record.key, record.value, record.headers
            )

    def _mark(self, marks: Sequence[Mark]) -> None:
        for mark in marks:
            self._writer.send(self._marks, 0, mark_key(mark), msgspec.json.encode(mark), [])


def _fail(line: str) -> NoReturn:
    raise CommandError(line)
