"""Logins of the recent past, sent at once before the live ones: a first look has something to see.

A password spray is planted among them, placed so that its alert is written as soon as the history
has been read.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Self

from producer.generator import Login, logins, random_key
from producer.messages import Message, hostile_cycle, login_message, mixed
from settings import Settings

__all__ = ["HistoryClock", "Spray", "daily_curve", "messages_with_history"]

DAY_SECONDS = 86_400
SWING = 0.55  # how far the busiest and the quietest time of the day are from the mean
ATTACKING_NETWORK = "203.0.113"  # reserved for documentation: nobody's, and easy to recognise
OVER_THRESHOLD = 1.2  # enough to be found, too few for a burst of logins as well


class HistoryClock:
    """Runs through the past as fast as it is read, then follows the system's clock.

    Logins of the past are as far apart as random arrivals are, at a rate that follows a daily curve
    and ends at the live rate.

    Args:
        rng: makes the arrivals.
        start: epoch seconds at which the history begins; from now on, there is none.
        rate: logins per second at the history's end.
        now: the system's clock.

    Attributes:
        seconds: the time that was read last.
        live: whether the past is over.
    """

    def __init__(
        self, rng: Random, start: float, rate: float, now: Callable[[], float] = time.time
    ) -> None:
        self.seconds = start
        self.live = False
        self._rng = rng
        self._rate_at_mean = rate / daily_curve(now())
        self._now = now

    def __call__(self) -> int:
        """Return the whole epoch seconds of the next login."""
        now = self._now()
        if not self.live:
            rate = self._rate_at_mean * daily_curve(self.seconds)
            self.seconds += self._rng.expovariate(rate)
            self.live = self.seconds >= now
        if self.live:
            self.seconds = now
        return int(self.seconds)


def daily_curve(seconds: float) -> float:
    """Return the rate at a time of day (UTC), as a multiple of the day's mean."""
    return 1 + SWING * math.sin(2 * math.pi * seconds / DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Spray:
    """A password spray: one network logs in to many accounts within one window of the alerts.

    Attributes:
        begin: epoch seconds.
        interval: seconds between two logins.
        users: how many accounts, one login each.
    """

    begin: float
    interval: float
    users: int

    @classmethod
    def in_the_newest_closed_window(cls, settings: Settings, now: float) -> Self:
        """Return a spray in the middle half of the newest window that can be judged by now."""
        length = settings.alert_window_seconds
        judged_until = now - settings.alert_lateness_seconds
        begin = (judged_until // length - 1) * length
        users = math.ceil(settings.alert_network_users * OVER_THRESHOLD)
        return cls(begin + length / 4, length / 2 / users, users)

    def among(self, made: Iterator[Login], clock: HistoryClock, rng: Random) -> Iterator[Login]:
        """Yield the logins, and between them those of the spray, if the history covers it all."""
        left = self.users if clock.seconds < self.begin else 0
        for login in made:
            while left and clock.seconds >= self.begin + (self.users - left) * self.interval:
                left -= 1
                yield {**login, "user_id": random_key(rng).decode(), "ip": _attacker(rng)}
            yield login


def messages_with_history(
    rng: Random, clock: HistoryClock, spray: Spray, bad_ratio: float
) -> Iterator[Message]:
    """Yield the history, whose records have the logins' times, then endless live messages.

    The key is the user's id, which is the output's key too. So each partition of the output has
    logins of one input partition, in their order: however far apart the partitions are read while
    the history is caught up with, the security flow finds none of it late.

    Args:
        rng: makes the logins.
        clock: gives their times.
        spray: the planted attack.
        bad_ratio: this part of the messages is hostile, 0 to 1.
    """
    made = spray.among(logins(rng, clock), clock, rng)
    good = (login_message(login, str(login["user_id"]).encode()) for login in made)
    for message in mixed(rng, good, hostile_cycle(rng, clock), bad_ratio):
        past = None if clock.live else int(clock.seconds * 1_000)
        yield message._replace(timestamp_ms=past)


def _attacker(rng: Random) -> str:
    return f"{ATTACKING_NETWORK}.{rng.randint(1, 254)}"
