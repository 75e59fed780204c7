"""Processed logins with attacks in every other window, and what is none, for the security flow."""

from collections.abc import Iterator
from itertools import chain, count
from random import Random
from typing import Any

from msgspec.structs import replace

from models import ProcessedLogin
from operators.batches import Reason
from tests.crash.feed import Partitions
from tests.support import security
from tests.support.attacks import START, distributed, login, spray, travel, volley

__all__ = ["FATES", "records"]

FATES = {b"{}": Reason.WRONG_TYPE, b"nonsense": Reason.NOT_JSON, None: Reason.TOMBSTONE}
HOSTILE_SHARE = 0.02
STRAGGLER_SHARE = 0.02
LATEST_SECONDS = 900
USERS = 200
WINDOW = 300
LOGINS_A_WINDOW = 900  # that are no attack


def records(seed: int, count: int, partitions: Partitions) -> Iterator[dict[str, Any]]:
    """Return what is fed: logins, attacks among them, some late, and every so often no login."""
    random = Random(seed)  # noqa: S311 - test data
    logins = _logins(random)
    for _ in range(count):
        partition = random.randrange(partitions.first)
        if random.random() < HOSTILE_SHARE:
            value = random.choice(list(FATES))
            yield {"key": b"k", "value": value, "partition": partition}
        else:
            yield security.record(next(logins), partition)


def _logins(random: Random) -> Iterator[ProcessedLogin]:
    return chain.from_iterable(_window(random, number) for number in count())


def _window(random: Random, number: int) -> list[ProcessedLogin]:
    """Return a window's logins in the order of their times, but for a few that are older."""
    start = START + number * WINDOW
    logins = [_anyone(random, start) for _ in range(LOGINS_A_WINDOW)]
    if number % 2:
        logins += [*spray(start, users=50 + number), *distributed(start, networks=12 + number)]
        logins += travel(start, ("NY", "TX", "FR"))
    if number % 4 == 3:  # seldom enough to stay far above what is usual by then
        logins += volley(start, count=200 + 100 * number)
    return [_perhaps_late(random, one) for one in sorted(logins, key=lambda one: one.timestamp)]


def _anyone(random: Random, start: int) -> ProcessedLogin:
    user = random.randrange(USERS)
    return login(start + random.randrange(WINDOW), f"user-{user}", f"10.0.{user}.0")


def _perhaps_late(random: Random, one: ProcessedLogin) -> ProcessedLogin:
    if random.random() >= STRAGGLER_SHARE:
        return one
    return replace(one, timestamp=one.timestamp - random.randint(1, LATEST_SECONDS))
