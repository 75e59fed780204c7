"""`python -m producer`: sends sample logins, hostile messages or a file to the input topic."""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from kafka import KafkaProducer
from kafka.errors import KafkaError

from console import progress_bar
from producer.connection import BrokerError, connect, newest_record_seconds, say
from producer.history import HistoryClock, Spray, messages_with_history
from producer.messages import (
    Message,
    file_messages,
    generated_messages,
    simulated_clock,
    system_clock,
)
from producer.options import DEFAULT_RATE, parse
from producer.sending import Pacer, Sender, StopRequest
from settings import Settings, load_settings
from signals import on_stop_signals


def main(arguments: list[str] | None = None) -> int:
    """Send what the options ask for; give the exit status."""
    options = parse(arguments)
    settings = load_settings()
    # Until there is something to lose, a signal ends the wait at once.
    on_stop_signals(signal.default_int_handler)
    try:
        producer = connect(settings, options.partitions, options.replication_factor)
        messages = _messages(options, settings)
    except BrokerError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped before anything was sent")
        return 0
    if options.count is None:
        say(f"sending to {settings.input_topic} at {settings.kafka_bootstrap_servers}")
    return _run(options, producer, messages, settings.input_topic)


def _run(
    options: argparse.Namespace, producer: KafkaProducer, messages: Iterator[Message], topic: str
) -> int:
    sender = Sender(producer, topic)
    started = time.monotonic()
    with progress_bar(options.count) as show:
        _send_all(messages, sender, Pacer(options.rate), StopRequest(), show)
    with contextlib.suppress(KafkaError):  # what is still under way has had its time
        producer.close(timeout=0)
    return _conclude(sender, topic, time.monotonic() - started)


def _send_all(
    messages: Iterator[Message],
    sender: Sender,
    pacer: Pacer,
    stop: StopRequest,
    show: Callable[[int], None],
) -> None:
    for message in messages:
        if message.timestamp_ms is None:  # the past is sent at once
            pacer.wait(lambda: bool(stop))
        if not sender.send(message, stop):
            break
        show(sender.acknowledged)
    sender.drain(stop)
    show(sender.acknowledged)


def _conclude(sender: Sender, topic: str, seconds: float) -> int:
    """Say what became of the messages; 0 if every one was acknowledged, else 1."""
    line = f"{sender.sent} sent, {sender.acknowledged} acknowledged by {topic} in {seconds:.1f} s"
    if sender.failure:
        say(f"{line}; stopped: {sender.failure}")
    elif sender.unacknowledged:
        say(f"{line}; {sender.unacknowledged} may or may not be there")
    else:
        say(line)
    return 1 if sender.unacknowledged else 0


def _messages(options: argparse.Namespace, settings: Settings) -> Iterator[Message]:
    """Return what the options ask for.

    Raises:
        BrokerError: the end of an earlier history can't be found.
    """
    rng = Random(options.seed)  # noqa: S311 - sample data, no secrets
    if options.file:
        messages = file_messages(options.file, rng)
    elif options.history:
        now = time.time()
        start = max(now - options.history, newest_record_seconds(settings) or 0.0)
        history = HistoryClock(rng, start, options.rate)
        spray = Spray.in_the_newest_closed_window(settings, now)
        messages = messages_with_history(rng, history, spray, options.bad_ratio)
    elif options.start_at is None:
        messages = generated_messages(rng, system_clock, options.bad_ratio)
    else:
        clock = simulated_clock(options.start_at, options.rate or DEFAULT_RATE)
        messages = generated_messages(rng, clock, options.bad_ratio)
    return islice(messages, options.count)


if __name__ == "__main__":
    sys.exit(main())
