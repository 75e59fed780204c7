"""What goes onto the input topic: made-up logins, hostile messages, or the lines of a file."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from producer.generator import Login, logins, random_key
from producer.hostile import HostileMessage, hostile_messages

__all__ = [
    "Clock",
    "Message",
    "file_messages",
    "generated_messages",
    "hostile_cycle",
    "login_message",
    "mixed",
    "simulated_clock",
    "system_clock",
]

Clock = Callable[[], int]
"""Gives the epoch seconds of the next login."""


class Message(NamedTuple):
    """One message as Kafka takes it; without a timestamp its record's is the time of sending."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


def generated_messages(rng: Random, clock: Clock, bad_ratio: float = 0.0) -> Iterator[Message]:
    """Endless logins, of which about `bad_ratio` (0 to 1) are replaced by hostile messages.

    The same random state gives the same messages, apart from what is taken from the clock.
    """
    good = (login_message(login, random_key(rng)) for login in logins(rng, clock))
    return mixed(rng, good, hostile_cycle(rng, clock), bad_ratio)


def mixed(
    rng: Random, good: Iterator[Message], bad: Iterator[Message], bad_ratio: float
) -> Iterator[Message]:
    """Yield good messages, of which about `bad_ratio` (0 to 1) are replaced by bad ones."""
    while True:
        yield next(bad if rng.random() < bad_ratio else good)


def file_messages(path: Path, rng: Random) -> Iterator[Message]:
    """Each line's bytes as a value, exactly as they stand; empty lines are skipped."""
    with path.open("rb") as lines:
        for line in lines:
            value = line.removesuffix(b"\n")
            if value.strip(b"\r"):
                yield Message(random_key(rng), value)


def system_clock() -> int:
    """Whole epoch seconds, now."""
    return int(time.time())


def simulated_clock(start_at: int, rate: float) -> Clock:
    """A clock of its own: it starts at `start_at` and moves 1/rate seconds a reading."""
    readings = count()
    return lambda: start_at + int(next(readings) / rate)


def login_message(login: Login, key: bytes) -> Message:
    """Return a login as a message."""
    return Message(key, json.dumps(login).encode())


def hostile_cycle(rng: Random, clock: Clock) -> Iterator[Message]:
    """Yield hostile messages in a shuffled order, every kind once before any comes again."""
    catalogue: tuple[HostileMessage, ...] = ()
    order: list[int] = []
    made_at = None
    while True:
        if (now := clock()) != made_at:
            catalogue, made_at = _sendable(now), now
        order = order or rng.sample(range(len(catalogue)), k=len(catalogue))
        kind = catalogue[order.pop()]
        yield Message(kind.key, kind.value, kind.headers)


def _sendable(now: int) -> tuple[HostileMessage, ...]:
    """The catalogue without the few kinds that need a record time of their own.

    They are for tests: with `--start-at` long ago, such an old record would make the broker begin
    a new segment, and delete the one before it.
    """
    return tuple(kind for kind in hostile_messages(now) if kind.record_timestamp_ms is None)
