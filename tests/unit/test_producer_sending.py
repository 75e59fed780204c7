from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError
from kafka.future import Future

from producer import sending
from producer.messages import Message
from producer.sending import Pacer, Sender, StopRequest


@dataclass
class FakeTime:
    """A clock that sleeping moves."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """The time now."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the time."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The time of the sending module, under the test's control."""
    fake = FakeTime()
    monkeypatch.setattr(sending, "time", fake)
    return fake


class TestPacer:
    """An even pace."""

    def test_spreads_messages_evenly(self, clock: FakeTime) -> None:
        """At 20 a second, messages are due every 50 ms, the first one at once."""
        assert due_times(Pacer(20), clock, 5) == pytest.approx([0, 0.05, 0.10, 0.15, 0.20])

    def test_makes_no_burst_after_a_stall(self, clock: FakeTime) -> None:
        """After a stall of a minute no more than a tenth of a second is made up for."""
        pacer = Pacer(20)
        due_times(pacer, clock, 3)
        clock.now += 60
        assert sum(due == 0 for due in due_times(pacer, clock, 20)) <= 3

    def test_waits_never_at_rate_0(self, clock: FakeTime) -> None:
        """Rate 0 is as fast as it goes."""
        due_times(Pacer(0), clock, 100)
        assert not clock.slept

    def test_ends_a_long_wait_soon_after_a_stop(self, clock: FakeTime) -> None:
        """At one message in 1,000 s, a stop is seen within a tenth of a second."""
        pacer = Pacer(0.001)
        pacer.wait(lambda: False)
        started = clock.now
        pacer.wait(lambda: clock.now > started + 5)
        assert clock.now - started < 5.2


def due_times(pacer: Pacer, clock: FakeTime, count: int) -> list[float]:
    """When each of the next messages is due, in seconds from now."""
    started, times = clock.now, []
    for _ in range(count):
        pacer.wait(lambda: False)
        times.append(clock.now - started)
    return times


class FakeProducer:
    """Keeps what was sent; the test says when it is acknowledged or refused."""

    def __init__(self, on_send: Callable[[Future], object] = lambda future: future) -> None:
        self.sent: list[bytes | None] = []
        self.futures: list[Future] = []
        self._on_send = on_send

    def send(self, _topic: str, value: bytes | None, **_options: object) -> Future:
        """Keep the value and give a future that the test can settle."""
        future = Future()
        self.sent.append(value)
        self.futures.append(future)
        self._on_send(future)
        return future


class FakeStop:
    """True from the given reading on."""

    def __init__(self, readings: int = 10**9) -> None:
        self._left = readings

    def __bool__(self) -> bool:
        self._left -= 1
        return self._left < 0


def sender_of(producer: FakeProducer) -> Sender:
    """A sender on top of a fake producer."""
    return Sender(cast("KafkaProducer", producer), "topic")


def stop_after(readings: int) -> StopRequest:
    """A stop that comes after so many readings."""
    return cast("StopRequest", FakeStop(readings))


NEVER = stop_after(10**9)


class TestSender:
    """Counting, bounds and the end."""

    def test_counts_what_is_acknowledged(self) -> None:
        """A message counts as acknowledged once its future has succeeded, not before."""
        producer = FakeProducer()
        sender = sender_of(producer)
        assert all(sender.send(Message(b"k", value), NEVER) for value in (b"a", None, b""))
        producer.futures[1].success(None)
        assert (sender.sent, sender.acknowledged, sender.unacknowledged) == (3, 1, 2)
        assert producer.sent == [b"a", None, b""]

    def test_sends_nothing_after_a_refusal(self) -> None:
        """A refused message keeps its reason and ends the sending."""
        producer = FakeProducer(lambda future: future.failure(MessageSizeTooLargeError("big")))
        sender = sender_of(producer)
        sender.send(Message(b"k", b"a"), NEVER)
        assert not sender.send(Message(b"k", b"b"), NEVER)
        assert sender.failure
        assert sender.failure.startswith("message 1 was refused: ")
        assert producer.sent == [b"a"]

    def test_counts_a_message_that_the_client_itself_refuses(self) -> None:
        """An error that kafka-python raises at once is a refusal like the broker's."""

        def refuse_at_once(_future: Future) -> None:
            raise MessageSizeTooLargeError("big")

        sender = sender_of(FakeProducer(refuse_at_once))
        assert not sender.send(Message(b"k", b"a"), NEVER)
        assert (sender.sent, sender.acknowledged) == (1, 0)
        assert sender.failure

    def test_holds_back_when_too_much_is_under_way(self) -> None:
        """Beyond 64 MB without an acknowledgement, a send waits; a stop ends the wait."""
        producer = FakeProducer()
        sender = sender_of(producer)
        value = b"x" * (16 * 1024 * 1024)
        assert all(sender.send(Message(b"k", value), NEVER) for _ in range(4))
        assert not sender.send(Message(b"k", value), stop_after(1))
        producer.futures[0].success(None)
        assert sender.send(Message(b"k", value), NEVER)

    def test_waits_for_all_acknowledgements_at_the_end(self) -> None:
        """Draining returns at once when everything is known, acknowledged or refused."""
        sender = sender_of(FakeProducer(lambda future: future.success(None)))
        sender.send(Message(b"k", b"a"), NEVER)
        sender.drain(NEVER)
        assert sender.unacknowledged == 0

    def test_gives_up_waiting_some_time_after_a_stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a stop, what isn't acknowledged within the limit counts as unacknowledged."""
        monkeypatch.setattr(sending, "STOP_FLUSH_SECONDS", 0)
        sender = sender_of(FakeProducer())
        sender.send(Message(b"k", b"a"), NEVER)
        sender.drain(stop_after(0))
        assert sender.unacknowledged == 1

    def test_says_when_the_broker_is_silent(
        self, clock: FakeTime, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A line comes after 10 s without an acknowledgement, and then one a minute."""
        sender = sender_of(FakeProducer())
        for _ in range(180):
            sender.send(Message(b"k", b"a"), NEVER)
            clock.now += 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3
        assert lines[0] == "producer: no acknowledgement for 11 s, 11 wait; retrying"

    def test_is_quiet_about_a_pause_in_which_nothing_was_sent(
        self, clock: FakeTime, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A slow rate is not silence of the broker's."""
        producer = FakeProducer()
        sender = sender_of(producer)
        for _ in range(5):
            sender.send(Message(b"k", b"a"), NEVER)
            producer.futures[-1].success(None)
            clock.now += 100
        assert not capsys.readouterr().err
