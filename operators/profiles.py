"""What is known about a network or a user in a window: who came, and from where.

The number of names for each is bounded here; their total is bounded by the caller, who says whether
there is room for another one.
"""

from collections.abc import Iterable
from typing import Any, Self

import msgspec

from operators.stats import UserSketch

__all__ = ["KEPT", "NetworkProfile", "UserProfile", "decode_sketch", "encode_sketch"]

KEPT = 100  # values that are kept by name for each subject


class NetworkProfile(msgspec.Struct, array_like=True, gc=False):
    """The users of a network: exactly up to 100, beyond that by a HyperLogLog sketch.

    A struct, since tens of thousands go to the recovery store every second.

    Attributes:
        named: the first 101 users; fewer if there was no room for more.
        sketch: all users, once there are more than `named` holds, or more than 100.
    """

    named: set[str] = msgspec.field(default_factory=set)
    sketch: UserSketch | None = None

    @property
    def names(self) -> int:
        """How many names are kept."""
        return len(self.named)

    @property
    def sketches(self) -> int:
        """How many sketches are kept: one or none."""
        return int(self.sketch is not None)

    def add(self, user: str, *, room: bool = True) -> int:
        """Add a user, by name if there is room; return how many names that adds."""
        if self.sketch is None:
            if user in self.named:
                return 0
            if room:
                self.named.add(user)
                if len(self.named) > KEPT:
                    self._begun_sketch()
                return 1
        self._begun_sketch().add((user,))
        return 0

    def merge(self, other: Self) -> None:
        """Add another one's users; it stays as it is."""
        for user in sorted(other.named):
            self.add(user)
        if other.sketch is not None:
            self._begun_sketch().merge(other.sketch)

    def size(self) -> int:
        """Return how many different users there are; an estimate beyond 100."""
        return len(self.named) if self.sketch is None else self.sketch.estimate()

    def sample(self, most: int) -> tuple[str, ...]:
        """Return some of the users, sorted."""
        return tuple(sorted(self.named)[:most])

    def _begun_sketch(self) -> UserSketch:
        if self.sketch is None:
            self.sketch = UserSketch()
            self.sketch.add(self.named)
        return self.sketch


class UserProfile(msgspec.Struct, array_like=True, gc=False):
    """Where a user came from.

    Attributes:
        networks: logins by network: the first 100, or as many as there was room for.
        locales: logins by locale, with the same limit.
    """

    networks: dict[str, int] = msgspec.field(default_factory=dict)
    locales: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def names(self) -> int:
        """How many names are kept."""
        return len(self.networks) + len(self.locales)

    @property
    def sketches(self) -> int:
        """How many sketches are kept: none."""
        return 0

    def add(self, network: str | None, locale: str | None, *, room: bool = True) -> int:
        """Add a login, with new names only if there is room; return how many names that adds.

        Unknown (None) values are not kept.
        """
        more, most = 0, KEPT if room else 0
        if network is not None:
            more += _count(self.networks, network, 1, most)
        if locale is not None:
            more += _count(self.locales, locale, 1, most)
        return more

    def merge(self, other: Self) -> None:
        """Add another one's; it stays as it is."""
        _count_all(self.networks, other.networks.items())
        _count_all(self.locales, other.locales.items())


def encode_sketch(value: object) -> bytes:
    """Return a sketch as bytes: the only type here that msgspec doesn't know."""
    if isinstance(value, UserSketch):
        return value.to_bytes()
    raise NotImplementedError(f"{type(value).__name__} is not a sketch")


def decode_sketch(_type: type, data: Any) -> UserSketch:
    """Read what encode_sketch returned."""
    return UserSketch.from_bytes(data)


def _count(counts: dict[str, int], value: str, count: int, most: int = KEPT) -> int:
    """Count a value, a new one only below the maximum; return 1 if it was added, else 0."""
    before = counts.get(value)
    if before is not None:
        counts[value] = before + count
        return 0
    if len(counts) >= most:
        return 0
    counts[value] = count
    return 1


def _count_all(counts: dict[str, int], others: Iterable[tuple[str, int]]) -> None:
    for value, count in others:
        _count(counts, value, count)
