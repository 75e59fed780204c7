"""Handles input batches that the Kafka client can't read (ON_UNREADABLE)."""

from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, Message, TopicPartition
from kafka.errors import KafkaError as KafkaPythonError

from connectors.batch_headers import BatchHeaderError, StoredBatch, fetch_batch
from connectors.client_log import RateLimit
from connectors.connection import Connection
from connectors.stopping import stop_process
from connectors.worker_consumer import WorkerConsumer
from settings import Settings

__all__ = ["SkippedBatch", "UnreadableBatches", "is_unreadable"]

log = structlog.get_logger()

# Errors that the client returns instead of a single batch, before it continues or tries again.
REASONS = {
    KafkaError._BAD_COMPRESSION: "its compressed data is damaged, or too much when unpacked",
    KafkaError._BAD_MSG: "its checksum is wrong",
    KafkaError._NOT_IMPLEMENTED: "its format or its compression is unknown",
}

_complaints = RateLimit()


def is_unreadable(message: Message) -> bool:
    """Tell whether a message stands for an unreadable batch; its offset is the batch's."""
    error, offset = message.error(), message.offset()
    return error is not None and error.code() in REASONS and offset is not None and offset >= 0


@dataclass(frozen=True)
class SkippedBatch:
    """A batch that is skipped.

    Attributes:
        batch: as stored in the log.
        detail: a sentence with its offsets and what is wrong with it.
    """

    batch: StoredBatch
    detail: str


class _CannotContinueError(Exception):
    """The process has to stop at a batch; the text says why, and what to do."""


class UnreadableBatches:
    """Stops at an unreadable batch of a partition, or continues after it.

    Args:
        consumer: which reads the partition.
        where: topic and partition.
        settings: the process's settings.
    """

    def __init__(self, consumer: WorkerConsumer, where: TopicPartition, settings: Settings) -> None:
        self._consumer = consumer
        self._where = where
        self._connection = Connection(settings)
        self._skips = settings.on_unreadable == "skip"

    def skip(self, error: KafkaError, offset: int, *, earlier_written: bool) -> SkippedBatch | None:
        """Continue after a batch, or end the process.

        Returns None for a batch of an aborted transaction, which no reader sees, and for one whose
        header can't be fetched yet, which is read again later.

        Args:
            error: that the client returned for the batch.
            offset: the first one of the batch that isn't read yet.
            earlier_written: whether everything read before it is written, so that the process may
                end.
        """
        try:
            return self._skip(self._look_at(error, offset), REASONS[error.code()])
        except _CannotContinueError as reason:
            if earlier_written:
                place = f"{self._where.topic}, partition {self._where.partition}"
                stop_process(f"{place}: the batch at offset {offset} can't be {reason}")
        except (KafkaPythonError, OSError, ValueError) as failure:
            if _complaints.due("unreadable"):
                log.warning("waiting to skip a batch that can't be read", reason=str(failure))
        self._consumer.resume_at(self._where.partition, offset)
        return None

    def _look_at(self, error: KafkaError, offset: int) -> StoredBatch:
        if not self._skips:
            raise _CannotContinueError(
                f"read: {error.str()}; nothing is lost; to continue without it, set "
                "ON_UNREADABLE=skip, which skips this batch and writes a dead letter with its "
                "offsets"
            )
        try:
            return fetch_batch(self._connection, self._where, offset)
        except BatchHeaderError as damage:
            raise _CannotContinueError(
                f"skipped: {damage}; restore the partition from a replica, or delete its log up to "
                "a later offset (kafka-delete-records.sh)"
            ) from None

    def _skip(self, batch: StoredBatch, reason: str) -> SkippedBatch | None:
        detail = f"offsets {batch.first} to {batch.last}: the batch can't be read: {reason}"
        log.warning(
            "a batch was skipped",
            partition=self._where.partition,
            detail=detail,
            dead_letter=not batch.aborted,
        )
        self._consumer.resume_at(self._where.partition, batch.last + 1)
        return None if batch.aborted else SkippedBatch(batch, detail)
