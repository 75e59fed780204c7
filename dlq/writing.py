"""Sending letters back: each batch is a transaction together with its marks."""

import time
from collections.abc import Sequence
from threading import Event

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.client_log import SERVE_SECONDS, client_options
from connectors.connection import Connection
from connectors.refusals import denied
from connectors.writers import FENCED, cause_of, retriable
from dlq.errors import CommandError
from dlq.fates import Outgoing
from dlq.marks import Mark, mark_key
from dlq.topics import InputTopic, marks_topic
from settings import Settings

__all__ = ["TransactionalReplay"]

ATTEMPT_SECONDS = 2.0  # one try of a request that is tried again; how soon a stop is seen
TRANSACTION_TIMEOUT_SECONDS = 60
LARGEST_BATCH = 1_000_000  # bytes; the client's default


class TransactionalReplay:
    """Writes batches of letters to the input topic, and which ones they were, as one.

    All replays of one dead-letter topic share a transactional.id, so that only the last one
    started can write, and what it reads of the marks is all that was ever replayed.

    Args:
        settings: the process's settings.
        target: the input topic.
        draining: ends all waiting when set.
    """

    def __init__(self, settings: Settings, target: InputTopic, draining: Event) -> None:
        self._target = target
        self._marks = marks_topic(settings)
        self._wait_seconds = max(settings.broker_wait_seconds, ATTEMPT_SECONDS)
        self._draining = draining
        self._failures: list[KafkaError] = []
        connection = Connection(settings)
        self._producer = Producer(
            {
                **connection.librdkafka(),
                "transactional.id": self._marks,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_SECONDS * 1_000,
                "compression.type": "lz4",
                "message.max.bytes": max(target.limit, LARGEST_BATCH),
                "batch.size": min(LARGEST_BATCH, target.limit),
                "queue.buffering.max.messages": 0,  # no limit: a batch bounds what is queued
                "delivery.report.only.error": True,
                "reconnect.backoff.max.ms": 2_000,
            },
            **client_options(connection),
        )

    def fence(self) -> None:
        """End what a former replay left open; it can write no more.

        Raises:
            CommandError: the broker refuses, or doesn't answer in time, or a stop came first.
        """
        deadline = time.monotonic() + self._wait_seconds
        while not self._draining.is_set():
            try:
                return self._producer.init_transactions(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error) or time.monotonic() > deadline:
                    cause: KafkaError = error.args[0]
                    raise CommandError(f"can't begin: {cause.str()}{denied(cause)}") from None
                self._producer.poll(SERVE_SECONDS)
        raise CommandError("stopped before anything was sent")

    def write(self, records: Sequence[Outgoing], marks: Sequence[Mark]) -> None:
        """Send a batch and return when it is committed.

        1. Begin a transaction.
        2. Send the letters to their partitions of the input topic, then the marks.
        3. Commit; only now is any of it there for a reader of committed records.

        Raises:
            CommandError: the batch isn't there, or it isn't known whether it is. Either way the
                marks say the same as the input topic, so that a repeat goes on rightly.
        """
        try:
            self._producer.begin_transaction()
            for record in records:
                self._send(record)
            for mark in marks:
                self._producer.produce(
                    self._marks,
                    partition=0,
                    key=mark_key(mark),
                    value=msgspec.json.encode(mark),
                    on_delivery=self._on_delivery,
                )
            self._commit()
        except KafkaException as error:
            raise CommandError(self._why(error.args[0])) from None

    def _send(self, record: Outgoing) -> None:
        self._producer.produce(
            self._target.name,
            partition=record.partition,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            on_delivery=self._on_delivery,
        )

    def _commit(self) -> None:
        while True:
            try:
                return self._producer.commit_transaction(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error):
                    raise
            self._producer.poll(SERVE_SECONDS)
            if self._draining.is_set():
                raise CommandError("stopped while Kafka was away: run it again to go on")

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _why(self, error: KafkaError) -> str:
        if error.code() in FENCED:
            return (
                "this replay may write no more: another one was started, or it stood still for "
                "longer than a transaction may take; nothing is lost or sent twice; run it again "
                "when no other one runs"
            )
        cause = cause_of(error, self._failures)
        why = f"{cause.str()}{denied(cause)}"
        return f"sending failed: {why}; nothing is lost or sent twice; run it again"
