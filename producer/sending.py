"""Sending with a bound on what is under way, an even pace, and a count of what was acknowledged."""

import threading
import time
from collections.abc import Callable
from types import FrameType

from kafka import KafkaProducer
from kafka.errors import KafkaError

from connectors.refusals import forbidden
from producer.connection import say
from producer.messages import Message
from signals import on_stop_signals

__all__ = ["Pacer", "Sender", "StopRequest"]

SLICE_SECONDS = 0.1  # how soon a stop is seen while waiting
LARGEST_LAG_SECONDS = 0.1  # what a stall may make up for; more would be a burst
# kafka-python 3 has no buffer.memory: unbounded, a fast producer fills the memory instead.
UNDER_WAY_BYTES = 64 * 1024 * 1024
RECORD_OVERHEAD_BYTES = 1_024  # the record's future and callbacks, about
STOP_FLUSH_SECONDS = 10  # below the 30 s after which Kubernetes kills
FIRST_LINE_AFTER_SECONDS = 10
LINE_EVERY_SECONDS = 60


class StopRequest:
    """Becomes true when the process is asked to stop by SIGINT, SIGTERM or SIGHUP.

    A plain flag: an exception out of a signal handler could hit kafka-python between counting a
    record and keeping it, and an Event's lock isn't safe in a handler.
    """

    def __init__(self) -> None:
        self._requested = False
        on_stop_signals(self._request)

    def __bool__(self) -> bool:
        return self._requested

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self._requested = True


class Pacer:
    """Makes each message due 1/rate seconds after the one before; rate 0 means at once."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._due = time.monotonic() - self._interval

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Sleep until the next message is due, or until stopped."""
        if not self._interval:
            return
        self._due = max(self._due + self._interval, time.monotonic() - LARGEST_LAG_SECONDS)
        while (left := self._due - time.monotonic()) > 0 and not stopped():
            time.sleep(min(left, SLICE_SECONDS))


class Sender:
    """Sends to one topic and counts what the broker acknowledged.

    Attributes:
        sent: messages handed to kafka-python.
        acknowledged: messages that every in-sync replica has written.
        failure: why a message was refused for good, or None. Nothing shall be sent after it.
    """

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.failure: str | None = None
        self._producer = producer
        self._topic = topic
        self._changed = threading.Condition()  # kafka-python calls back from its own thread
        self._records_under_way = 0
        self._bytes_under_way = 0
        self._silent_since = 0.0
        self._next_line = 0.0

    @property
    def unacknowledged(self) -> int:
        """Messages that were sent and of which it isn't known whether the broker has them."""
        return self.sent - self.acknowledged

    def send(self, message: Message, stop: StopRequest) -> bool:
        """Send one message when there is room; false if a stop or a failure came first."""
        self._wait_until(self._has_room, lambda: bool(stop) or self.failure is not None)
        if stop or self.failure:
            return False
        settle = self._begin(message)
        try:
            future = self._producer.send(
                self._topic,
                message.value,
                key=message.key,
                headers=list(message.headers),
                timestamp_ms=message.timestamp_ms,
            )
        except (KafkaError, ValueError) as error:
            self._failed(*settle, error)
            return False
        future.add_callback(self._succeeded, *settle)
        future.add_errback(self._failed, *settle)
        return True

    def drain(self, stop: StopRequest) -> None:
        """Wait for every acknowledgement; after a stop or a failure for a short time only."""
        self._wait_until(self._all_known, lambda: bool(stop) or self.failure is not None)
        deadline = time.monotonic() + STOP_FLUSH_SECONDS
        self._wait_until(self._all_known, lambda: time.monotonic() > deadline)

    def _has_room(self) -> bool:
        return self._bytes_under_way < UNDER_WAY_BYTES

    def _all_known(self) -> bool:
        return self._records_under_way == 0

    def _wait_until(self, ready: Callable[[], bool], given_up: Callable[[], bool]) -> None:
        with self._changed:
            self._complain()
            while not ready() and not given_up():
                self._changed.wait(SLICE_SECONDS)
                self._complain()

    def _begin(self, message: Message) -> tuple[int, int]:
        """Count a message as sent; give its number and its size, which its end needs."""
        size = len(message.value or b"") + sum(len(value) for _, value in message.headers)
        size += RECORD_OVERHEAD_BYTES
        with self._changed:
            if not self._records_under_way:
                self._heard()
            self.sent += 1
            self._records_under_way += 1
            self._bytes_under_way += size
            return self.sent, size

    def _succeeded(self, _number: int, size: int, _metadata: object) -> None:
        with self._changed:
            self.acknowledged += 1
            self._settle(size)

    def _failed(self, number: int, size: int, error: BaseException) -> None:
        reason = getattr(error, "description", "") or str(error)  # the broker's errors have both
        with self._changed:
            self.failure = (
                self.failure or f"message {number} was refused: {reason}{forbidden(error)}"
            )
            self._settle(size)

    def _settle(self, size: int) -> None:
        self._records_under_way -= 1
        self._bytes_under_way -= size
        self._heard()
        self._changed.notify_all()

    def _heard(self) -> None:
        self._silent_since = time.monotonic()
        self._next_line = self._silent_since + FIRST_LINE_AFTER_SECONDS

    def _complain(self) -> None:
        """Say now and then that nothing is acknowledged any more."""
        now = time.monotonic()
        if self._records_under_way and now > self._next_line:
            self._next_line = now + LINE_EVERY_SECONDS
            silent = now - self._silent_since
            say(f"no acknowledgement for {silent:.0f} s, {self._records_under_way} wait; retrying")
