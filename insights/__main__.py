"""`python -m insights`: the newest windows of logins, as a table or as JSON lines.

    python -m insights [--last N] [--json] [--follow]

A window that isn't final is marked with `*`. With --follow each window is printed as it closes.
"""

import argparse
import contextlib
import os
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.connection import Connection
from connectors.refusals import BrokerCheck, RefusedError, denied, no_broker
from insights.reading import REQUEST_SECONDS, committed_consumer, partitions
from insights.text import as_json, as_table
from insights.windows import UnreadableRecordError, Window, Windows
from settings import Settings, load_settings
from signals import on_stop_signals

READ_AT_ONCE = 500
POLL_SECONDS = 0.2
SILENT_SECONDS = 30.0  # a broker that says nothing for so long before the end was reached is gone
WINDOWS_SHOWN = 10
MOST_WINDOWS = 100_000  # they are kept in memory; for more, read the topic itself


def main() -> None:
    """Print the windows that were asked for."""
    parser = argparse.ArgumentParser(
        "python -m insights", description="Print the newest windows of logins."
    )
    parser.add_argument(
        "--last",
        type=_count,
        default=WINDOWS_SHOWN,
        metavar="N",
        help=f"how many windows, 0 to {MOST_WINDOWS:,} (default {WINDOWS_SHOWN})",
    )
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON a window, as on the topic, no sketch"
    )
    parser.add_argument("--follow", action="store_true", help="go on with each window that closes")
    options = parser.parse_args()
    try:
        _query(load_settings(), options)
    except RefusedError as error:
        raise SystemExit(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MOST_WINDOWS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {MOST_WINDOWS}")
    return int(text)


def _query(settings: Settings, options: argparse.Namespace) -> None:
    connection = Connection(settings)
    with BrokerCheck(connection) as check:
        if not check.answers(REQUEST_SECONDS):
            raise SystemExit(no_broker(connection, check.reason))
    with committed_consumer(connection) as consumer:
        _show(consumer, settings, options)


def _show(consumer: Consumer, settings: Settings, options: argparse.Namespace) -> None:
    windows = Windows(max(1, options.last))
    _read_to_end(consumer, windows, settings)
    found = windows.newest(options.last) if options.last else []
    if not found and not options.follow:
        raise SystemExit(f"there are no windows on topic {settings.insights_topic} yet")
    _print(found, json=options.json, head=True)
    while options.follow:
        changed, _ = _read(consumer, windows)
        _print(changed, json=options.json, head=False)


def _read_to_end(consumer: Consumer, windows: Windows, settings: Settings) -> None:
    """Take in all windows that are on the topic now.

    Raises:
        SystemExit: there is no broker or no topic; its text says what to do.
    """
    left = _assign(consumer, settings)
    silent_since = time.monotonic()
    while left:
        changed, at_end = _read(consumer, windows)
        left -= at_end
        if changed or at_end:
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > SILENT_SECONDS:
            raise SystemExit(f"Kafka at {settings.kafka_bootstrap_servers} stopped answering")


def _assign(consumer: Consumer, settings: Settings) -> set[int]:
    topic, servers = settings.insights_topic, settings.kafka_bootstrap_servers
    try:
        found = partitions(consumer, topic)
    except KafkaException:
        raise SystemExit(no_broker(Connection(settings))) from None
    if not found:
        raise SystemExit(
            f"there is no topic {topic} at {servers}: "
            "start the flow, which makes it, or set INSIGHTS_TOPIC"
        )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in found])
    return set(found)


def _read(consumer: Consumer, windows: Windows) -> tuple[list[Window], set[int]]:
    """Take in what there is, and return changed windows and partitions that are at their end."""
    changed: list[Window] = []
    at_end: set[int] = set()
    for message in consumer.consume(READ_AT_ONCE, POLL_SECONDS):
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition() or 0)
            elif denied(error):
                raise RefusedError(f"topic {message.topic()}: {error.str()}{denied(error)}")
            continue
        try:
            window = windows.apply(message.key(), message.value())
        except UnreadableRecordError as unreadable:
            print(f"offset {message.offset()} is left out: {unreadable}", file=sys.stderr)
        else:
            changed += [window] if window else []
    return changed, at_end


def _print(windows: list[Window], *, json: bool, head: bool) -> None:
    if json:
        text = "".join(f"{as_json(window)}\n" for window in windows)
    else:
        text = as_table(windows, head=head) if windows or head else ""
    sys.stdout.write(text)
    sys.stdout.flush()


def _discard_output() -> None:
    """Let what is still buffered go nowhere: Python writes it at exit and would fail again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    on_stop_signals(signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            main()
        except BrokenPipeError:
            _discard_output()
