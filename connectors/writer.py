"""What both ways to write records to Kafka share: one thing at a time, and a line at the end."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import get_ident
from typing import Any, NamedTuple, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from connectors.client_log import warn_that_kafka_is_away
from connectors.connection import Connection
from connectors.records import Headers, OutputRecord
from connectors.refusals import denied
from monitoring import observe

__all__ = ["Failure", "Step", "Stop", "Writer"]

# What a broker says to a producer that was replaced, or whose transaction it ended; and what the
# client says of records that it held for longer than a transaction may take.
FENCED = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError._MSG_TIMED_OUT,
}

# What client or broker says about a record that is too large for its topic.
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}

# What it says of records that are dropped because something else failed.
THROWN_AWAY = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}

Step = Callable[[], None]
Stop = Callable[[str], NoReturn]


class Failure(NamedTuple):
    """Why something wasn't written, and to which topic, if it was a record."""

    error: KafkaError
    topic: str | None = None


class Writer(ABC):
    """Writes one thing at a time; the end of a write goes on while the next one is prepared.

    Args:
        producer: of this writer alone, ready to write.
        place: what is written to, to begin an error's line with.
        connection: the producer's.
        stop: called with one line for what can't be gone on from; may be called by a thread.
    """

    def __init__(self, producer: Producer, place: str, connection: Connection, stop: Stop) -> None:
        self._producer = producer
        self._place = place
        self._connection = connection
        self._stop_with = stop
        self._failures: list[Failure] = []
        # A thread, since waiting for the broker takes 30 ms in which the worker has work to do.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._pending: Future[None] | None = None
        self._worker = get_ident()  # the thread that waits for this writer

    def write(self, first: Step, then: Step | None = None, done: Step | None = None) -> None:
        """Take steps once what was written before is complete, and begin to complete them.

        Args:
            first: sends records; it is called before this returns.
            then: sends what must never be there without what `first` sent.
            done: called by another thread when both are complete.
        """
        self.wait()
        began = time.monotonic()
        self._failures.clear()
        self._begin(first, then)
        self._pending = self._executor.submit(self._finish, then, done, began)

    def wait(self) -> None:
        """Return when all that was sent is written.

        Raises:
            Exception: what `stop` raised meanwhile, if it doesn't end the process.
        """
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def close(self) -> None:
        """Wait until everything sent is written, then close the producer.

        Not before: closing a producer waits endlessly for an unreachable broker.
        """
        self.wait()
        self._executor.shutdown()
        self._producer.close()

    def send_all(self, topic: str, records: list[OutputRecord]) -> None:
        """Send records; to be called by a step."""
        queued = self._producer.produce_batch(topic, records, on_delivery=self._on_delivery)
        if queued != len(records):
            self._stop_if_failed()
            # The client writes into each record that it didn't take why that is.
            refused: list[Any] = [record["_error"] for record in records if "_error" in record]
            self._stop(Failure(refused[0], topic))

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str | None,
        value: bytes | None,
        headers: Headers,
    ) -> None:
        """Send one record to a partition; to be called by a step."""
        try:
            self._producer.produce(
                topic,
                partition=partition,
                key=key,
                value=value,
                headers=list(headers),
                on_delivery=self._on_delivery,
            )
        except KafkaException as error:
            self._stop_if_failed()
            self._stop(Failure(error.args[0], topic))

    @abstractmethod
    def sweep(self, places: Sequence[TopicPartition]) -> None:
        """See to it that what a former writer of this id left hanging there is never committed.

        Args:
            places: the partitions that it may have written to.
        """

    @abstractmethod
    def _begin(self, first: Step, then: Step | None) -> None:
        """Take the first step."""

    @abstractmethod
    def _complete(self, then: Step | None) -> None:
        """Return when both steps are written; runs in a thread of its own."""

    @abstractmethod
    def _stop_if_failed(self) -> None:
        """Stop with what made the producer fail for good, if it did; a refused record hides it."""

    def _finish(self, then: Step | None, done: Step | None, began: float) -> None:
        self._complete(then)
        observe.written(time.monotonic() - began)
        if done is not None:
            done()

    def _await_broker(self) -> None:
        observe.write_retried(self._worker)
        warn_that_kafka_is_away(self._connection.servers)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(Failure(error, message.topic()))

    def _stop(self, failure: Failure) -> NoReturn:
        """Stop with a line that says what happened and what to do."""
        # A commit tells how many records were not delivered; they themselves tell why.
        if any(one.error.code() in FENCED for one in (failure, *self._failures)):
            self._end(
                "fenced",
                f"{self._place}: this process may write no more: another one took over, or it "
                "stood still for longer than a transaction may take; nothing is lost or there "
                "twice; start it again, unless another one has taken its place",
            )
        cause = _cause_of(failure, self._failures)
        self._end("fatal", f"{self._place}: writing failed: {_remedy(cause)}")

    def _end(self, kind: str, line: str) -> NoReturn:
        """Stop with a line, and count what ends the process: it is `fenced`, or `fatal`."""
        observe.write_failed(kind)
        self._stop_with(line)


def _cause_of(failure: Failure, failures: list[Failure]) -> Failure:
    """Return why writing failed: the first record's own failure, if there was one before.

    Records that are thrown away because of an error only say so.
    """
    causes = (one for one in failures if not one.error.retriable())
    return next((cause for cause in causes if cause.error.code() not in THROWN_AWAY), failure)


def _remedy(cause: Failure) -> str:
    """Say what happened and what to do."""
    error = cause.error
    if error.code() in TOO_LARGE and cause.topic:
        return (
            f"a record is too large for topic {cause.topic} ({error.str()}): raise the topic's "
            "max.message.bytes, and start it again; nothing is lost"
        )
    return (
        f"{error.str()}{denied(error)}; nothing is lost; start it again, and if it fails again, "
        "remove the cause first"
    )
