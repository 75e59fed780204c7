"""Counts subjects in bounded memory: frequent ones are always kept, and a replay keeps the same."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar
from zlib import crc32

from datasketches import frequent_strings_sketch

__all__ = ["AnyProfile", "HeavyHitters", "HeavyHittersState"]

SHARDS = 16
# 2**10 slots are 768 counters. A purge subtracts the median of at most 1,024 sampled counters
# (reverse_purge_hash_map::purge of DataSketches), so here of all: it depends on the counts alone,
# not on their places in the table, which a save and restore changes.
LG_SLOTS = 10
COUNTERS = 768
MAX_SUBJECTS = 2 * COUNTERS  # in a shard, before those that its sketch dropped go
# Names for all subjects together: three for each, with as many subjects as possible. With 100 for
# each it would be 400 MB.
MAX_NAMES = 3 * SHARDS * MAX_SUBJECTS
UNSEEN = ""  # no subject has this name
# Measured by resident memory, since sketches are outside Python's own. Short names take less, and
# long ones up to a third more after a restart, when equal names are separate objects
# (docs/alerts.md).
EMPTY_BYTES = 8_000
BYTES_PER_SUBJECT = 500
BYTES_PER_NAME = 150
BYTES_PER_SKETCH = 9_000  # with up to some 1,500 users; larger ones take 20 KB at most


class Profile(Protocol):
    """What is known about a subject."""

    @property
    def names(self) -> int:
        """How many names are kept for it."""

    @property
    def sketches(self) -> int:
        """How many sketches are kept for it."""


AnyProfile = TypeVar("AnyProfile", bound=Profile)
HeavyHittersState = list[
    tuple[bytes, dict[str, AnyProfile]]
]  # a sketch and the profiles, for each shard


class HeavyHitters(Generic[AnyProfile]):
    """Counts subjects, and keeps a profile of each.

    Subjects are spread over shards, and each shard has a frequent-items sketch, which decides what
    is dropped. With up to 768 subjects in a shard, some 12,000 in all, nothing is dropped, and all
    counts are exact. Beyond that, a subject is always kept if it has more than 0.34% of its shard's
    logins; a dropped one that comes again is counted from then on.

    Args:
        make: returns the profile of a new subject.

    Attributes:
        subjects: how many are kept.
        names: how many names are kept for all subjects.
        sketches: how many sketches are kept for all subjects.
    """

    def __init__(self, make: Callable[[], AnyProfile]) -> None:
        self.subjects = 0
        self.names = 0
        self.sketches = 0
        self._make = make
        self._shards: list[tuple[Any, dict[str, AnyProfile]]] = [
            (frequent_strings_sketch(LG_SLOTS), {}) for _ in range(SHARDS)
        ]

    def note(self, subject: str) -> AnyProfile:
        """Count a subject once more, and return its profile for the caller to update.

        Subjects have to come one by one, in an order that a replay keeps.
        """
        sketch, known = self._shards[crc32(subject.encode()) % SHARDS]
        sketch.update(subject)
        profile = known.get(subject)
        if profile is None:
            if len(known) >= MAX_SUBJECTS:
                self._drop(sketch, known)
            profile = known[subject] = self._make()
            self.subjects += 1
        return profile

    @property
    def has_room(self) -> bool:
        """Whether another name may be kept, for any subject."""
        return self.names < MAX_NAMES

    def keep(self, names: int, *, sketches: int = 0) -> None:
        """Count further names and sketches that are kept for a subject."""
        self.names += names
        self.sketches += sketches

    def memory(self) -> int:
        """Return about how many bytes it takes; depends on the subjects and their order only."""
        return (
            EMPTY_BYTES
            + BYTES_PER_SUBJECT * self.subjects
            + BYTES_PER_NAME * self.names
            + BYTES_PER_SKETCH * self.sketches
        )

    def left_out(self) -> bool:
        """Tell whether something was left out, since there was too much to keep."""
        # For a subject that it never saw, a sketch's upper bound is the highest count that it
        # dropped.
        dropped = any(sketch.get_upper_bound(UNSEEN) for sketch, _ in self._shards)
        return dropped or not self.has_room

    def items(self) -> Iterator[tuple[str, int, AnyProfile]]:
        """Return each subject with the lower bound of its count, and its profile."""
        for sketch, known in self._shards:
            for subject, profile in known.items():
                if count := sketch.get_lower_bound(subject):
                    yield subject, count, profile

    def to_state(self) -> HeavyHittersState[AnyProfile]:
        """Return the state; profiles are not copied."""
        return [(sketch.serialize(), known) for sketch, known in self._shards]

    def restore(self, state: HeavyHittersState[AnyProfile]) -> None:
        """Restore what to_state returned."""
        deserialize = frequent_strings_sketch.deserialize
        self._shards = [(deserialize(sketch), known) for sketch, known in state]
        everyone = [profile for _, known in self._shards for profile in known.values()]
        self.subjects = len(everyone)
        self.names = sum(profile.names for profile in everyone)
        self.sketches = sum(profile.sketches for profile in everyone)

    def _drop(self, sketch: Any, known: dict[str, AnyProfile]) -> None:
        for subject in [subject for subject in known if not sketch.get_lower_bound(subject)]:
            profile = known.pop(subject)
            self.subjects -= 1
            self.names -= profile.names
            self.sketches -= profile.sketches
