"""`python -m insights`: the newest windows of logins, as a table or as JSON lines.

    python -m insights [--last N] [--json] [--follow]

A window that isn't final is marked with `*`. With --follow each window is printed as it closes.
"""

import argparse
import contextlib
import signal
import sys
from typing import NoReturn

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.client_log import quiet_options
from connectors.committed import CommittedReader, open_committed_consumer, partitions
from connectors.connection import Connection
from connectors.refusals import BrokerCheck, RefusedError, no_broker
from console import discard
from insights.text import as_json, as_table
from insights.windows import UnreadableRecordError, Window, Windows
from records import ConsumedRecord
from settings import Settings, load_settings
from signals import on_stop_signals

REQUEST_SECONDS = 2.0  # one attempt to reach a broker
FOLLOW_WAIT_MS = 200  # how long the broker holds a request for windows that aren't there yet
SILENT_SECONDS = 30.0  # a broker that doesn't answer for so long is gone
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
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MOST_WINDOWS}")
    return int(text)


def _query(settings: Settings, options: argparse.Namespace) -> None:
    connection = Connection(settings)
    with BrokerCheck(connection) as check:
        if not check.answers(REQUEST_SECONDS):
            raise SystemExit(no_broker(connection, check.reason))
    callbacks = quiet_options(connection)
    with open_committed_consumer(connection, FOLLOW_WAIT_MS, **callbacks) as consumer:
        places = _partitions(consumer, settings)
        reader = CommittedReader(consumer, _stop, silence_seconds=SILENT_SECONDS)
        _show(reader, places, settings, options)


def _stop(line: str) -> NoReturn:
    raise SystemExit(line)


def _partitions(consumer: Consumer, settings: Settings) -> list[TopicPartition]:
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
    return [TopicPartition(topic, partition) for partition in found]


def _show(
    reader: CommittedReader,
    places: list[TopicPartition],
    settings: Settings,
    options: argparse.Namespace,
) -> None:
    windows = Windows(max(1, options.last))
    for place in places:
        place.offset, end = reader.bounds(place.topic, place.partition)
        # Empty partitions are read too: only then does the broker say that it isn't permitted.
        for record in reader.read(place, max(end, place.offset + 1)):
            _apply(windows, record)
        place.offset = end
    found = windows.newest(options.last) if options.last else []
    if not found and not options.follow:
        raise SystemExit(f"there are no windows on topic {settings.insights_topic} yet")
    _print(found, json=options.json, head=True)
    if options.follow:
        for record in reader.follow(places):
            if window := _apply(windows, record):
                _print([window], json=options.json, head=False)


def _apply(windows: Windows, record: ConsumedRecord) -> Window | None:
    """Take in a record, and return its window if that is among the newest."""
    try:
        return windows.apply(record.key(), record.value())
    except UnreadableRecordError as unreadable:
        print(f"offset {record.offset()} is left out: {unreadable}", file=sys.stderr)
        return None


def _print(windows: list[Window], *, json: bool, head: bool) -> None:
    if json:
        text = "".join(f"{as_json(window)}\n" for window in windows)
    else:
        text = as_table(windows, head=head) if windows or head else ""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    on_stop_signals(signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            main()
        except BrokenPipeError:
            discard(sys.stdout)
