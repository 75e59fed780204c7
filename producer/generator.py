"""Logins as the real generator sends them, made from a random state and a clock, and no more.

Users come from a pool and a few of them log in far more often than the rest, so that there are
fewer users than logins. A user mostly uses one device, one address and one locale.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from random import Random
from uuid import UUID

__all__ = ["Login", "logins", "random_key"]

Login = dict[str, str | int]
"""A login's fields by name; `device_type` is left out now and then, never null."""

POOL_SIZE = 5_000  # enough that a minute's users can't be counted by eye, made in 0.1 s
SKEW = 3  # a user's number is POOL_SIZE * u**3: the busiest tenth makes 46 % of the logins

# As seen in the real generator's output.
ABSENT_DEVICE_TYPE = 0.05
# Seen, but how often is not known: enough to be noticed in a few hundred logins.
TEXT_TIMESTAMP = 0.1
NUMBER_LIKE_ID = 0.1
COUNTRY_LOCALE = 0.1
IPV6 = 0.1
# What people do: mostly the same phone at the same place.
HOME_DEVICE = 0.9
HOME_ADDRESS = 0.8

DEVICE_TYPES = ("android", "iOS")
# Most devices are up to date, some lag a release or two, a few were never updated.
APP_VERSIONS = {
    "1.4.2": 2,
    "1.9.9": 4,
    "2.0.0": 4,
    "2.1.5": 6,
    "2.2.0": 7,
    "2.2.9": 8,
    "2.3.0": 44,
    "2.3.1": 15,
    "2.4.0": 8,
    "3.0.0": 2,
}
STATES = tuple(  # a list of fifty would take fifty lines
    (  # noqa: SIM905
        "AK AL AR AZ CA CO CT DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE "
        "NH NJ NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY"
    ).split()
)
# None of these is a state's code too.
COUNTRIES = ("AT", "AU", "BR", "CH", "CN", "ES", "FR", "GB", "IT", "JP", "MX", "NG", "PL", "SE")

IPV6_GLOBAL_UNICAST = 0b001 << 125  # 2000::/3, the addresses in use


@dataclass(frozen=True, slots=True)
class _Device:
    device_id: str
    device_type: str
    app_version: str


@dataclass(frozen=True, slots=True)
class _User:
    user_id: str
    locale: str
    ip: str
    home: _Device
    other: _Device


def logins(rng: Random, clock: Callable[[], int]) -> Iterator[Login]:
    """Endless logins; the same random state gives the same ones, apart from the clock's time."""
    pool = [_user(rng) for _ in range(POOL_SIZE)]
    while True:
        user = pool[int(POOL_SIZE * rng.random() ** SKEW)]
        yield _login(rng, user, clock())


def random_key(rng: Random) -> bytes:
    """A key that says nothing about the login: records spread evenly over the partitions."""
    return _uuid(rng).encode()


def _login(rng: Random, user: _User, now: int) -> Login:
    device = user.home if rng.random() < HOME_DEVICE else user.other
    login: Login = {
        "user_id": user.user_id,
        "app_version": device.app_version,
        "ip": user.ip if rng.random() < HOME_ADDRESS else _ip(rng),
        "locale": user.locale,
        "device_id": device.device_id,
        "timestamp": str(now) if rng.random() < TEXT_TIMESTAMP else now,
    }
    if rng.random() >= ABSENT_DEVICE_TYPE:
        login["device_type"] = device.device_type
    return login


def _user(rng: Random) -> _User:
    locale = rng.choice(COUNTRIES if rng.random() < COUNTRY_LOCALE else STATES)
    return _User(_id(rng), locale, _ip(rng), _device(rng), _device(rng))


def _device(rng: Random) -> _Device:
    (version,) = rng.choices(tuple(APP_VERSIONS), weights=tuple(APP_VERSIONS.values()))
    return _Device(_id(rng), rng.choice(DEVICE_TYPES), version)


def _id(rng: Random) -> str:
    if rng.random() < NUMBER_LIKE_ID:
        return f"{rng.randint(1, 899):03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"
    return _uuid(rng)


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _ip(rng: Random) -> str:
    if rng.random() < IPV6:
        return str(IPv6Address(IPV6_GLOBAL_UNICAST | rng.getrandbits(125)))
    first = rng.randint(1, 223)  # 0 names no host, from 224 on it is multicast
    return ".".join(str(part) for part in (first, *rng.randbytes(3)))
