"""What is known of a network or a user in a window: who came, and from where."""

from collections.abc import Iterable
from typing import Any, Self

import msgspec

from operators.stats import UserSketch

__all__ = ["KEPT", "Crowd", "Whereabouts", "decode_sketch", "encode_sketch"]

KEPT = 100  # values that are kept by name for each subject


class Crowd(msgspec.Struct, array_like=True, gc=False):
    """The users of a network: exactly up to 100, beyond that by a HyperLogLog sketch.

    A struct, since the recovery store gets tens of thousands of them every second.

    Attributes:
        named: the first 101 users that came.
        sketch: all users, once there are more than 100.
    """

    named: set[str] = msgspec.field(default_factory=set)
    sketch: UserSketch | None = None

    def add(self, user: str) -> None:
        """Add a user."""
        if self.sketch is not None:
            self.sketch.add((user,))
        elif user not in self.named:
            self.named.add(user)
            if len(self.named) > KEPT:
                self.sketch = UserSketch()
                self.sketch.add(self.named)

    def merge(self, other: Self) -> None:
        """Add another one's users; it stays as it is."""
        for user in sorted(other.named):
            self.add(user)
        # A sketch comes with 101 names, so with them this one has begun, too.
        if other.sketch is not None and self.sketch is not None:
            self.sketch.merge(other.sketch)

    def size(self) -> int:
        """Return how many different users there are; about, beyond 100."""
        return len(self.named) if self.sketch is None else self.sketch.estimate()

    def sample(self, most: int) -> tuple[str, ...]:
        """Return some of the users, sorted."""
        return tuple(sorted(self.named)[:most])


class Whereabouts(msgspec.Struct, array_like=True, gc=False):
    """Where a user came from.

    Attributes:
        networks: logins by network; of more than 100, those that came first.
        locales: logins by locale, alike.
    """

    networks: dict[str, int] = msgspec.field(default_factory=dict)
    locales: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, network: str | None, locale: str | None) -> None:
        """Add a login; of what isn't known nothing is kept."""
        if network is not None:
            _count(self.networks, network, 1)
        if locale is not None:
            _count(self.locales, locale, 1)

    def merge(self, other: Self) -> None:
        """Add another one's; it stays as it is."""
        _count_all(self.networks, other.networks.items())
        _count_all(self.locales, other.locales.items())


def encode_sketch(value: object) -> bytes:
    """Return the bytes of a sketch, the only thing here that msgspec doesn't know."""
    if isinstance(value, UserSketch):
        return value.to_bytes()
    raise NotImplementedError(f"{type(value).__name__} is no sketch")


def decode_sketch(_type: type, data: Any) -> UserSketch:
    """Read what encode_sketch returned."""
    return UserSketch.from_bytes(data)


def _count(counts: dict[str, int], value: str, count: int) -> None:
    before = counts.get(value)
    if before is not None:
        counts[value] = before + count
    elif len(counts) < KEPT:
        counts[value] = count


def _count_all(counts: dict[str, int], others: Iterable[tuple[str, int]]) -> None:
    for value, count in others:
        _count(counts, value, count)
