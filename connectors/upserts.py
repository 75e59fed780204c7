"""A Bytewax sink for records that replace each other by key: written again, they change nothing."""

import time
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.client_log import client_options
from connectors.connection import Connection
from connectors.records import OutputRecord
from connectors.stopping import stop_process
from connectors.writers import FENCED, retriable
from settings import Settings

__all__ = ["UpsertSink"]

PARTITION = "upserts"
ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again until the broker is back
TRANSACTION_TIMEOUT_SECONDS = 60  # as for outputs: a broker away for less needs no restart


class UpsertSink(FixedPartitionedSink[OutputRecord, None]):
    """Writes records to a compacted topic, on one worker, before the snapshot that covers them.

    It keeps no state and drops nothing on a replay: the same key gets the same value once more.

    Args:
        settings: the process's settings.
        topic: where to write.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._connection = Connection(settings)

    def list_parts(self) -> list[str]:
        """Return the only partition; the engine gives it to one worker."""
        return [PARTITION]

    def part_fn(self, _item_key: str) -> int:
        """Return the only partition, whatever the key."""
        return 0

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> StatefulSinkPartition[OutputRecord, None]:
        """Fence whoever wrote before; with at-least-once delivery there is no such thing."""
        if self._settings.delivery_guarantee == "at_least_once":
            producer = self._producer({"enable.idempotence": True, "message.timeout.ms": 0})
            return _Acknowledged(producer, self._topic)
        producer = self._producer(
            {
                "transactional.id": f"{self._settings.kafka_group_id}-{self._topic}-{PARTITION}",
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_SECONDS * 1000,
            }
        )
        self._fence(producer)
        return _Transactional(producer, self._topic)

    def _producer(self, guarantee: dict[str, Any]) -> Producer:
        return Producer(
            {
                **self._connection.librdkafka(),
                **guarantee,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "delivery.report.only.error": True,
                "reconnect.backoff.max.ms": 2_000,
            },
            **client_options(self._connection.servers),
        )

    def _fence(self, producer: Producer) -> None:
        deadline = time.monotonic() + max(self._settings.broker_wait_seconds, ATTEMPT_SECONDS)
        while True:
            try:
                return producer.init_transactions(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error) or time.monotonic() > deadline:
                    stop_process(f"{self._topic}: can't begin transactions: {error}")


class _Partition(StatefulSinkPartition[OutputRecord, None], ABC):
    """Writes a few records at a time; the end of a write goes on in a thread.

    Args:
        producer: of this partition alone, ready to write.
        topic: where to write.
    """

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._failures: list[KafkaError] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=PARTITION)
        self._pending: Future[None] | None = None

    def write_batch(self, values: list[OutputRecord]) -> None:
        """Send records once those before them are written, and begin to complete that."""
        self._wait()
        self._failures.clear()
        self._begin()
        queued = self._producer.produce_batch(self._topic, values, on_delivery=self._on_delivery)
        if queued != len(values):
            stop_process(f"{self._topic}: only {queued} of {len(values)} records could be sent")
        self._pending = self._executor.submit(self._complete)

    def snapshot(self) -> None:
        """Wait for what is under way: a snapshot that covers a record comes after it."""
        self._wait()

    def close(self) -> None:
        """Wait for what is under way."""
        self._wait()
        self._executor.shutdown()

    @abstractmethod
    def _begin(self) -> None:
        """Get ready for records."""

    @abstractmethod
    def _complete(self) -> None:
        """Return when all that was sent is written; runs in a thread of its own."""

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _stop(self, error: KafkaError) -> None:
        """End the process with a line that says what happened and what to do."""
        if error.code() in FENCED:
            stop_process(
                f"{self._topic}: this process may write no more: another one took over, or it "
                "stood still for longer than a transaction may take; nothing is lost; restart it, "
                "unless another one runs for this KAFKA_GROUP_ID"
            )
        cause = next((failure for failure in self._failures if not failure.retriable()), error)
        stop_process(
            f"{self._topic}: writing failed: {cause.str()}; nothing is lost; restart the process, "
            "and if it fails again, mend the cause first"
        )


class _Transactional(_Partition):
    """Writes records as a transaction, so that a process that was replaced can write no more."""

    def _begin(self) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._stop(error.args[0])

    def _complete(self) -> None:
        while True:
            try:
                return self._producer.commit_transaction(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error):
                    self._stop(error.args[0])


class _Acknowledged(_Partition):
    """Writes records and waits until the brokers have acknowledged them all."""

    def _begin(self) -> None:
        """Nothing to do: there is no transaction."""

    def _complete(self) -> None:
        while self._producer.flush(ATTEMPT_SECONDS):
            pass  # the client tries again by itself, without end, until the broker is back
        if self._failures:
            self._stop(self._failures[0])
