"""Logins of a normal day from the producer's generator, and attacks to plant among them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random

from models import ProcessedLogin
from operators.batches import Login
from operators.enrich import enrich
from producer.generator import logins
from producer.messages import simulated_clock

__all__ = ["ATTACKED", "by_user", "distributed", "login", "normal", "spray", "travel", "volley"]

START = 1_720_000_200  # of a window of 5 minutes: 2024-07-03T09:50:00Z
# What the planted attacks are to be found by: documentation networks and a user of our own.
ATTACKED = {
    "password_spray": "203.0.113.0",
    "many_networks": "victim-1",
    "many_locales": "victim-2",
    "network_burst": "198.51.100.0",
}


def login(timestamp: int, user: str, network: str | None, locale: str = "NY") -> ProcessedLogin:
    """Return a processed login of which only these matter."""
    return ProcessedLogin(
        user_id=user,
        device_id="d",
        device_type="iOS",
        app_version="2.3.0",
        version_category="current",
        locale=locale,
        masked_ip=network,
        timestamp=timestamp,
        login_at="",
        processed_at="",
        quality=(),
    )


def normal(seconds: int, rate: int, seed: int = 1) -> Iterator[ProcessedLogin]:
    """Return the generator's logins of so many seconds, cleaned as the login flow does."""
    clock = simulated_clock(START, rate)
    for made in islice(logins(Random(seed), clock), seconds * rate):  # noqa: S311
        fields = {**made, "timestamp": int(made["timestamp"])}
        yield enrich(Login(**fields), "")  # type: ignore[arg-type]


def spray(begin: int, users: int, seconds: int = 120) -> list[ProcessedLogin]:
    """One network tries many users, once each."""
    network = ATTACKED["password_spray"]
    return [
        login(begin + number * seconds // users, f"sprayed-{number}", network)
        for number in range(users)
    ]


def distributed(begin: int, networks: int, seconds: int = 120) -> list[ProcessedLogin]:
    """One user comes from many networks, once each."""
    user = ATTACKED["many_networks"]
    return [
        login(begin + number * seconds // networks, user, f"192.0.{number}.0")
        for number in range(networks)
    ]


def travel(begin: int, locales: Iterable[str]) -> list[ProcessedLogin]:
    """One user is in several places, a minute apart."""
    user = ATTACKED["many_locales"]
    return [
        login(begin + 60 * number, user, "192.0.2.0", locale)
        for number, locale in enumerate(locales)
    ]


def volley(begin: int, count: int, seconds: int = 120) -> list[ProcessedLogin]:
    """One network has many logins of a few users."""
    network = ATTACKED["network_burst"]
    return [
        login(begin + number * seconds // count, f"volley-{number % 5}", network)
        for number in range(count)
    ]


def by_user(logins: Iterable[ProcessedLogin], partitions: int) -> list[list[ProcessedLogin]]:
    """Spread logins over partitions as the output topic does: a user's stay together, in order."""
    parts: list[list[ProcessedLogin]] = [[] for _ in range(partitions)]
    for one in sorted(logins, key=lambda each: each.timestamp):
        parts[sum(one.user_id.encode()) % partitions].append(one)
    return parts
