"""What both ways to write to Kafka have in common: one write at a time, one line on failure."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import get_ident
from typing import Any, NamedTuple, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from connectors.client_log import warn_that_kafka_is_away
from connectors.connection import Connection
from connectors.refusals import denied
from monitoring import observe
from records import Headers, OutputRecord

__all__ = ["Failure", "Step", "Stop", "Writer"]

# A broker's errors for a producer that was replaced or whose transaction it aborted, and the
# client's error for records that it held for longer than a transaction may take.
FENCED = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError._MSG_TIMED_OUT,
}

# The client's and the broker's errors for a record that is too large for its topic.
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}

# The client's errors for records that it drops because something else failed.
DROPPED = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}

Step = Callable[[], None]
Stop = Callable[[str], NoReturn]


class Failure(NamedTuple):
    """Why something wasn't written; for a record also its topic."""

    error: KafkaError
    topic: str | None = None


class Writer(ABC):
    """Makes one write at a time; a write completes in the background while the next is prepared.

    Args:
        producer: used by this writer only, ready to write.
        place: what is written to; an error's line begins with it.
        connection: the producer's.
        stop: called with one line when an error is unrecoverable, from any thread.
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

    def write(self, send: Step, after: Step | None = None, on_complete: Step | None = None) -> None:
        """Wait for the previous write, then begin this one, which completes in the background.

        Args:
            send: sends records; it is called before this returns.
            after: sends what must never be written without what `send` sent.
            on_complete: called from another thread when both are written.
        """
        self.wait()
        began = time.monotonic()
        self._failures.clear()
        self._begin(send, after)
        self._pending = self._executor.submit(self._finish, after, on_complete, began)

    def wait(self) -> None:
        """Return when everything sent is written.

        Raises:
            Exception: that `stop` raised meanwhile, if it doesn't end the process.
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
        """Send records; called by a step of `write`."""
        queued = self._producer.produce_batch(topic, records, on_delivery=self._on_delivery)
        if queued != len(records):
            self._stop_if_failed()
            # The client notes in each record that it didn't take why it didn't.
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
        """Send one record to a partition; called by a step of `write`."""
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
    def abort_hanging(self, places: Sequence[TopicPartition]) -> None:
        """Abort what a previous writer with this id left hanging, so that it is never committed.

        Args:
            places: the partitions that it may have written to.
        """

    @abstractmethod
    def _begin(self, send: Step, after: Step | None) -> None:
        """Begin a write."""

    @abstractmethod
    def _complete(self, after: Step | None) -> None:
        """Return when both steps are written; runs in a background thread."""

    @abstractmethod
    def _stop_if_failed(self) -> None:
        """Stop with the producer's fatal error, if it has one: a rejected record would hide it."""

    def _finish(self, after: Step | None, on_complete: Step | None, began: float) -> None:
        self._complete(after)
        observe.written(time.monotonic() - began)
        if on_complete is not None:
            on_complete()

    def _await_broker(self) -> None:
        observe.write_retried(self._worker)
        warn_that_kafka_is_away(self._connection.servers)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(Failure(error, message.topic()))

    def _stop(self, failure: Failure) -> NoReturn:
        """Stop with a line that says what happened and what to do."""
        # The commit's error says how many records were not delivered; their own errors say why.
        if any(one.error.code() in FENCED for one in (failure, *self._failures)):
            self._end(
                "fenced",
                f"{self._place}: this process may no longer write: another one took over, or it "
                "was suspended for longer than a transaction may take; nothing is lost or "
                "duplicated; start it again, unless another one has replaced it",
            )
        cause = _cause_of(failure, self._failures)
        self._end("fatal", f"{self._place}: writing failed: {_remedy(cause)}")

    def _end(self, kind: str, line: str) -> NoReturn:
        """Stop with a line, and count why: `fenced` or `fatal`."""
        observe.write_failed(kind)
        self._stop_with(line)


def _cause_of(failure: Failure, failures: list[Failure]) -> Failure:
    """Return why writing failed: the first record's own failure, if a record failed first.

    Records that were dropped because of another error only say that they were.
    """
    causes = (one for one in failures if not one.error.retriable())
    return next((cause for cause in causes if cause.error.code() not in DROPPED), failure)


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
