"""The two ways to write a batch and its progress: as a transaction, or acknowledged first."""

from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.dead_letters import dead_letter_headers, fit
from connectors.progress import progress_key
from connectors.records import OutputBatch
from connectors.stopping import stop_process
from connectors.topics import FlowTopics
from models import Progress

__all__ = ["FENCED", "AcknowledgedWriter", "TransactionalWriter", "Writer", "retriable"]

ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again until the broker is back
# What a broker says to a producer that was replaced, or whose transaction it ended.
FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


class Writer(ABC):
    """Writes one batch at a time; the end of a write goes on while the next batch is prepared.

    Args:
        producer: of this partition alone, ready to write.
        topics: the flow's topics.
        partition: the input partition whose outputs these are.
    """

    def __init__(self, producer: Producer, topics: FlowTopics, partition: int) -> None:
        self._producer = producer
        self._topics = topics
        self._partition = partition
        self._failures: list[KafkaError] = []
        # A thread, since waiting for the broker takes 30 ms in which the worker has work to do.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"writer-{partition}")
        self._pending: Future[None] | None = None

    def write(self, batch: OutputBatch) -> None:
        """Send a batch once the one before it is written, and begin to complete it."""
        self.wait()
        self._begin()
        self._send_records(batch)
        self._pending = self._executor.submit(self._complete, batch)

    def wait(self) -> None:
        """Return when all that was sent is written."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    @abstractmethod
    def _begin(self) -> None:
        """Get ready for a batch."""

    @abstractmethod
    def _complete(self, batch: OutputBatch, /) -> None:
        """Return when batch and progress are written; runs in a thread of its own."""

    def _send_records(self, batch: OutputBatch) -> None:
        queued = self._producer.produce_batch(
            self._topics.output, batch.records, on_delivery=self._on_delivery
        )
        if queued != len(batch.records):
            stop_process(
                f"{self._topics.output}: only {queued} of {len(batch.records)} records fit the "
                "producer's queue: set a smaller BATCH_SIZE"
            )
        for letter in batch.dead_letters:
            headers = dead_letter_headers(letter, batch.topic, batch.partition)
            letter, headers = fit(letter, headers, self._topics.largest_dead_letter)
            self._producer.produce(
                self._topics.dead_letters,
                partition=batch.partition,
                key=letter.key,
                value=letter.value,
                headers=list(headers),
                on_delivery=self._on_delivery,
            )

    def _send_progress(self, batch: OutputBatch) -> None:
        progress = Progress(
            topic=batch.topic,
            topic_id=self._topics.input_id,
            partition=batch.partition,
            offset=batch.next_offset,
            start=batch.start,
        )
        self._producer.produce(
            self._topics.progress,
            partition=batch.partition,
            key=progress_key(batch.topic, batch.partition),
            value=msgspec.json.encode(progress),
            on_delivery=self._on_delivery,
        )

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _stop(self, error: KafkaError) -> None:
        """End the process with a line that says what happened and what to do."""
        if error.code() in FENCED:
            stop_process(
                f"partition {self._partition}: this process may write no more: another one took "
                "over its partitions, or it stood still for longer than a transaction may take; "
                "nothing is lost; restart it, unless another one runs for this KAFKA_GROUP_ID"
            )
        cause = next((failure for failure in self._failures if not failure.retriable()), error)
        stop_process(
            f"partition {self._partition}: writing failed: {cause.str()}; nothing is lost; restart "
            "the process, and if it fails again, mend the cause first"
        )


class TransactionalWriter(Writer):
    """Writes a batch, its dead letters and its progress as one transaction: all or nothing."""

    def _begin(self) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._stop(error.args[0])

    def _send_records(self, batch: OutputBatch) -> None:
        super()._send_records(batch)
        self._send_progress(batch)

    def _complete(self, _batch: OutputBatch, /) -> None:
        while True:
            try:
                return self._producer.commit_transaction(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error):
                    self._stop(error.args[0])


class AcknowledgedWriter(Writer):
    """Writes a batch, and its progress when the brokers have acknowledged all of the batch."""

    def _begin(self) -> None:
        self._failures.clear()

    def _complete(self, batch: OutputBatch, /) -> None:
        self._flush()
        self._send_progress(batch)
        self._flush()

    def _flush(self) -> None:
        while self._producer.flush(ATTEMPT_SECONDS):
            pass  # the client tries again by itself, without end, until the broker is back
        if self._failures:
            self._stop(self._failures[0])


def retriable(error: KafkaException) -> bool:
    """Tell whether the same request may succeed when it is sent again."""
    cause: KafkaError = error.args[0]
    return cause.retriable()
