"""The input that all contenders read, and what has to come out of it.

A login is a function of its number, so that it can be found again in an output. The logins are
those of the project's own generator, a few hundred of them in turn, with user and device exchanged:
made one by one, they would take longer than the flow takes to process them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer

from models import ProcessedLogin
from operators.batches import Reject
from operators.decode import decode
from operators.enrich import enrich, login_at
from producer.generator import logins

__all__ = ["PARTITIONS", "Feed", "Window", "send"]

PARTITIONS = 4
EPOCH = 1_720_000_020  # a whole minute, long before any run, so never in the future
SPAN_SECONDS = 600  # ten windows of a minute, however many logins: each has its share
WINDOW_SECONDS = 60
TEMPLATES = 997  # a prime, so that every login meets every user and partition
USERS = 20_000
SEED = 6
CHUNK = 2_000  # records in one call of the client
UNDER_WAY = 200_000  # records: 50 MB that the client holds at most
FLUSH_SECONDS = 60.0
NUMBER_DIGITS = 8  # hexadecimal, at the beginning of a device id
KEY_STEP = 0x9E37_79B9_7F4A_7C15  # odd, so that keys differ until 2**64: golden ratio, hashed by


@dataclass(frozen=True)
class Window:
    """What the logins of one minute add up to.

    Attributes:
        logins: how many.
        users: how many different ones.
        device_types: logins by value, like the next two.
        version_categories: as the flow names them.
        locales: as they came.
    """

    logins: int
    users: int
    device_types: dict[str, int]
    version_categories: dict[str, int]
    locales: dict[str, int]


class Template:
    """A login with places for user, device and time, and what the flow makes of it."""

    def __init__(self, login: dict[str, Any]) -> None:
        marked = {**login, "user_id": "%b", "device_id": "%b"}
        # A text timestamp stays one: both are really seen.
        marked["timestamp"] = "%b" if isinstance(login["timestamp"], str) else 0
        text = msgspec.json.encode(marked)
        self.format = text.replace(b'"timestamp":0', b'"timestamp":%b')
        decoded = decode(msgspec.json.encode(login), EPOCH * 1_000)
        if isinstance(decoded, Reject):
            raise TypeError(f"the generator made no login: {decoded.detail}")
        self.result = enrich(decoded, "")


class Feed:
    """Logins by number, in the order of their event time.

    Args:
        records: how many.
        partitions: of the topic; a login's is its number modulo this.
    """

    def __init__(self, records: int, partitions: int = PARTITIONS) -> None:
        self.records = records
        self.partitions = partitions
        rng = Random(SEED)  # noqa: S311  # not for secrets; the same logins every time
        self.templates = [
            Template(login) for login in islice(logins(rng, lambda: EPOCH), TEMPLATES)
        ]
        self._users = [f"{rng.getrandbits(32):08x}-7c1d-4e6a-9b3f-{n:012x}" for n in range(USERS)]

    def user(self, number: int) -> str:
        """Return the user of a login."""
        return self._users[number * number % USERS]

    def device(self, number: int) -> str:
        """Return the device of a login, which no other login has."""
        return f"{number:0{NUMBER_DIGITS}x}-5f3a-4c1b-8d2e-0a1b2c3d4e5f"

    def timestamp(self, number: int) -> int:
        """Return the event time of a login, in seconds since the epoch."""
        return EPOCH + number * SPAN_SECONDS // self.records

    def key(self, number: int) -> bytes:
        """Return the key of a login's record, which says nothing about the login."""
        return b"%016x" % (number * KEY_STEP % 2**64)

    def value(self, number: int) -> bytes:
        """Return the value of a login's record, JSON."""
        return self.templates[number % TEMPLATES].format % (
            self.user(number).encode(),
            self.device(number).encode(),
            b"%d" % self.timestamp(number),
        )

    def result(self, number: int) -> ProcessedLogin:
        """Return the processed login that has to come out, but for the time of processing."""
        timestamp = self.timestamp(number)
        return msgspec.structs.replace(
            self.templates[number % TEMPLATES].result,
            user_id=self.user(number),
            device_id=self.device(number),
            timestamp=timestamp,
            login_at=login_at(timestamp),
        )

    @cached_property
    def windows(self) -> dict[str, Window]:
        """What each minute adds up to, by its start in ISO 8601."""
        starts = range(EPOCH, EPOCH + SPAN_SECONDS, WINDOW_SECONDS)
        windows = {login_at(start): self._window(start) for start in starts}
        return {start: window for start, window in windows.items() if window.logins}

    def _window(self, start: int) -> Window:
        numbers = range(self._first(start), self._first(start + WINDOW_SECONDS))
        templates = Counter(number % TEMPLATES for number in numbers)
        return Window(
            logins=len(numbers),
            users=len({number * number % USERS for number in numbers}),
            device_types=self._count(templates, "device_type"),
            version_categories=self._count(templates, "version_category"),
            locales=self._count(templates, "locale"),
        )

    def _first(self, timestamp: int) -> int:
        """Return the first login that is not before a time: -(-a // b) rounds up."""
        return -(-(timestamp - EPOCH) * self.records // SPAN_SECONDS)

    def _count(self, templates: Counter[int], field: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for index, times in templates.items():
            counts[getattr(self.templates[index].result, field)] += times
        return dict(counts)


def send(feed: Feed, servers: str, topic: str) -> None:
    """Write a feed to a topic that has its count of partitions.

    Raises:
        RuntimeError: the broker did not take all of it in time.
    """
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,  # else a batch that is sent again comes behind later ones
            "compression.type": "lz4",
            "linger.ms": 100,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 0,
            "delivery.report.only.error": True,
        }
    )
    for chunk in _chunks(feed):
        producer.produce_batch(topic, chunk)
        if len(producer) > UNDER_WAY:
            producer.flush(FLUSH_SECONDS)
    if left := producer.flush(FLUSH_SECONDS):
        raise RuntimeError(f"the broker did not take {left} of {feed.records} logins")


def _chunks(feed: Feed) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, feed.records, CHUNK):
        yield [
            {
                "value": feed.value(number),
                "key": feed.key(number),
                "partition": number % feed.partitions,
            }
            for number in range(first, min(first + CHUNK, feed.records))
        ]
