"""Totals of logins that add up the same in any grouping and order."""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import byteorder
from typing import Any, Self

import msgspec
from datasketches import hll_sketch, hll_union, tgt_hll_type

from models import ProcessedLogin
from operators.state import State, check_version

__all__ = [
    "KEPT_KEYS",
    "OTHER",
    "BoundedCounts",
    "LoginStats",
    "UserSketch",
]

STATE_VERSION = 1
LG_K = 14  # 2**14 registers of a byte: 16 KB and a standard error of 0.8 %
KEPT_KEYS = 1_000  # values come from outside: a map of them needs a bound
LONGEST_KEY = 64  # bytes of UTF-8
ALWAYS_FITS = LONGEST_KEY // 4  # characters: one takes at most 4 bytes, so no need to encode
OTHER = "other"
# Memory that totals take, measured with windows of 1 to 20,000 logins.
EMPTY_STATS_BYTES = 1_500
BYTES_PER_USER = 12
LARGEST_SKETCH_BYTES = 20_000
BYTES_PER_KEY = 120

# Where a serialised sketch says what it is: the DataSketches format, the same in every language.
PREAMBLE_INTS_BYTE = 0
MODE_BYTE = 7
MODE_MASK = 0b11
REGISTERS_MODE = 2  # the modes before it, list and set, hold 4-byte coupons in order of arrival


def _rank(key: str) -> tuple[int, bytes]:
    """Sort key of the order in which keys are kept: UTF-8 length, then bytes."""
    encoded = key.encode()
    return len(encoded), encoded


def _kept_name(value: str) -> str:
    """Return the value itself, or `other` if it is too long to be kept."""
    fits = len(value) <= ALWAYS_FITS or len(value.encode()) <= LONGEST_KEY
    return value if fits else OTHER


class BoundedCounts:
    """Counts by value, in bounded memory and independent of the order of arrival.

    Of all keys ever seen, the first ones by (UTF-8 length, bytes) are kept; the rest, values over
    64 bytes and the value `other` itself count under `other`. A dropped key can never come back
    with only a part of its count, since enough smaller keys are known for good; first-come or top-N
    rules would get that wrong.

    Args:
        limit: how many keys are kept, `other` aside.
    """

    __slots__ = ("_counts", "_last_kept", "_limit", "_other")

    def __init__(self, limit: int = KEPT_KEYS) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}
        self._other = 0
        self._last_kept: tuple[int, bytes] | None = None  # set once keys had to be dropped

    def add(self, values: Iterable[str]) -> None:
        """Count each value; a list is fastest, since it is counted in C."""
        for value, count in Counter(values).items():
            self._count(_kept_name(value), count)
        self._bound()

    def merge(self, other: Self) -> None:
        """Add another one's counts; it stays as it is."""
        for key, count in other._counts.items():
            self._count(key, count)
        self._other += other._other
        self._bound()

    def kept(self) -> int:
        """Return how many keys are kept, `other` aside."""
        return min(len(self._counts), self._limit)

    def counts(self) -> dict[str, int]:
        """Return the kept keys' counts, in the order of the rule, then `other` if it has any."""
        keys = sorted(self._counts, key=_rank)
        counts = {key: self._counts[key] for key in keys[: self._limit]}
        # Nothing is dropped here: workers may share a summary, so reading must not change it.
        other = self._other + sum(self._counts[key] for key in keys[self._limit :])
        return {**counts, OTHER: other} if other else counts

    def restore(self, counts: Mapping[str, int]) -> None:
        """Add what counts() returned."""
        for key, count in counts.items():
            self._count(key, count)

    def _count(self, key: str, count: int) -> None:
        if key in self._counts:
            self._counts[key] += count
        elif key == OTHER or self._ranks_after_kept(key):
            self._other += count
        else:
            self._counts[key] = count

    def _ranks_after_kept(self, key: str) -> bool:
        """Tell whether enough smaller keys are known: this one would be dropped anyway."""
        if self._last_kept is None:
            return False
        return len(key) > self._last_kept[0] or _rank(key) > self._last_kept

    def _bound(self) -> None:
        """Drop keys at twice the limit: sorting them for each new one would be slow."""
        if len(self._counts) > 2 * self._limit:
            keys = sorted(self._counts, key=_rank)
            self._last_kept = _rank(keys[self._limit - 1])
            for key in keys[self._limit :]:
                self._other += self._counts.pop(key)


class UserSketch:
    """A HyperLogLog sketch of users; its estimate and bytes depend on the set of users only.

    A plain sketch's don't: it has an estimator (HIP) and a list that depend on the order of
    arrival, and would differ on a replay.
    """

    __slots__ = ("_union",)

    def __init__(self) -> None:
        self._union = hll_union(LG_K)

    def add(self, users: Iterable[str]) -> None:
        """Add users by their ids."""
        deque(map(self._union.update, users), maxlen=0)  # maxlen=0: run the map, keep nothing

    def merge(self, other: Self) -> None:
        """Add another one's users; it stays as it is."""
        self._union.update(other._union.get_result(tgt_hll_type.HLL_8))

    def to_bytes(self) -> bytes:
        """Return the sketch in the DataSketches format, the same bytes for the same users."""
        data: bytes = self._without_order().serialize_compact()
        if data[MODE_BYTE] & MODE_MASK == REGISTERS_MODE:
            return data
        start = 4 * data[PREAMBLE_INTS_BYTE]
        return data[:start] + _sorted_coupons(data[start:])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore what to_bytes returned."""
        users = cls()
        users._union.update(hll_sketch.deserialize(data))
        return users

    def estimate(self) -> int:
        """Return about how many different users were added; standard error 0.8 %."""
        estimate: float = self._without_order().get_estimate()
        return round(estimate)

    def _without_order(self) -> Any:
        """Return a sketch that doesn't depend on the order of arrival.

        Merging two sketches' registers drops HIP and leaves the composite estimate, which is made
        from the registers alone. Merging a sketch with itself changes nothing else.
        """
        sketch = self._union.get_result(tgt_hll_type.HLL_8)
        union = hll_union(LG_K)
        union.update(sketch)
        union.update(sketch)
        return union.get_result(tgt_hll_type.HLL_8)


def _sorted_coupons(data: bytes) -> bytes:
    """Sort little-endian 4-byte coupons; a reader inserts them one by one, in any order."""
    coupons = array("I", data)
    if byteorder == "big":
        coupons.byteswap()
    coupons = array("I", sorted(coupons))
    if byteorder == "big":
        coupons.byteswap()
    return coupons.tobytes()


class LoginStats:
    """Totals of logins: a commutative monoid of LoginStats(), add and merge.

    Attributes:
        logins: how many.
        users: which users, as a sketch.
        device_types: counts by value, like the next three.
        app_versions: as they came.
        version_categories: `legacy`, `stable`, `current`, `unknown`.
        locales: as they came.
        quality: counts by flag; a login can have several or none.
    """

    __slots__ = (
        "app_versions",
        "device_types",
        "locales",
        "logins",
        "quality",
        "users",
        "version_categories",
    )

    def __init__(self) -> None:
        self.logins = 0
        self.users = UserSketch()
        self.device_types = BoundedCounts()
        self.app_versions = BoundedCounts()
        self.version_categories = BoundedCounts()
        self.locales = BoundedCounts()
        self.quality = BoundedCounts()

    def add(self, logins: Sequence[ProcessedLogin]) -> None:
        """Add logins, a column at a time, which is counted in C."""
        self.logins += len(logins)
        self.users.add([login.user_id for login in logins])
        self.device_types.add([login.device_type for login in logins])
        self.app_versions.add([login.app_version for login in logins])
        self.version_categories.add([login.version_category for login in logins])
        self.locales.add([login.locale for login in logins])
        self.quality.add([flag for login in logins if login.quality for flag in login.quality])

    def merge(self, other: Self) -> None:
        """Add another one's totals; it stays as it is."""
        self.logins += other.logins
        self.users.merge(other.users)
        for mine, theirs in zip(self._maps(), other._maps(), strict=True):
            mine.merge(theirs)

    def memory(self) -> int:
        """Return about how many bytes it takes: as measured, rounded up."""
        keys = sum(counts.kept() for counts in self._maps())
        users = min(BYTES_PER_USER * self.logins, LARGEST_SKETCH_BYTES)
        return EMPTY_STATS_BYTES + users + BYTES_PER_KEY * keys

    def to_state(self) -> State:
        """Return plain values, the same for the same logins, for pickling and comparing."""
        maps = tuple(counts.counts() for counts in self._maps())
        return (STATE_VERSION, self.logins, self.users.to_bytes(), maps)

    def to_bytes(self) -> bytes:
        """Return the same as bytes, which the engine pickles at next to no cost."""
        return msgspec.msgpack.encode(self.to_state())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what to_bytes returned.

        Raises:
            StateFormatError: another version of this program wrote it.
        """
        return cls.from_state(tuple(msgspec.msgpack.decode(data)))

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Read what to_state returned.

        Raises:
            StateFormatError: another version of this program wrote it.
        """
        _, logins, users, maps = check_version("login totals", state, STATE_VERSION)
        stats = cls()
        stats.logins = logins
        stats.users = UserSketch.from_bytes(users)
        for mine, counts in zip(stats._maps(), maps, strict=True):
            mine.restore(counts)
        return stats

    def __reduce__(self) -> tuple[Callable[[object], Self], tuple[State]]:
        return type(self).from_state, (self.to_state(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoginStats) and self.to_state() == other.to_state()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _maps(self) -> tuple[BoundedCounts, ...]:
        return (
            self.device_types,
            self.app_versions,
            self.version_categories,
            self.locales,
            self.quality,
        )
