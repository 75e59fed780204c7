"""Many subjects watched in bounded memory, the frequent ones for sure, and the same on a replay."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar
from zlib import crc32

from datasketches import frequent_strings_sketch

__all__ = ["AnySeen", "Watch", "WatchState"]

SHARDS = 16
# 2**10 slots are 768 counters. A purge subtracts the median of at most 1,024 sampled counters
# (reverse_purge_hash_map::purge of DataSketches), so here of all: it depends on the counts alone,
# not on where they stand in the table, which a save and restore changes.
LG_SLOTS = 10
COUNTERS = 768
MOST_SEEN = 2 * COUNTERS  # of a shard, before what its sketch has dropped is dropped here


AnySeen = TypeVar("AnySeen")
WatchState = list[tuple[bytes, dict[str, AnySeen]]]  # a sketch and what is known, by shard


class Watch(Generic[AnySeen]):
    """Counts subjects, and keeps what else is known of each.

    Subjects are spread over shards, and each shard has a frequent-items sketch, which decides what
    is dropped. With up to 768 subjects in a shard, some 12,000 in all, nothing is, and all counts
    are exact. Beyond, a subject is kept for sure if it has more than 0.34% of its shard's logins;
    one that was dropped and comes again is counted from then on.

    Args:
        make: makes what is known of a subject that wasn't seen yet.
    """

    def __init__(self, make: Callable[[], AnySeen]) -> None:
        self._make = make
        self._shards: list[tuple[Any, dict[str, AnySeen]]] = [
            (frequent_strings_sketch(LG_SLOTS), {}) for _ in range(SHARDS)
        ]

    def note(self, subject: str) -> AnySeen:
        """Count a subject once more, and return what is known of it, to be added to.

        Subjects have to come one by one in an order that a replay keeps.
        """
        sketch, known = self._shards[crc32(subject.encode()) % SHARDS]
        sketch.update(subject)
        seen = known.get(subject)
        if seen is None:
            seen = known[subject] = self._make()
            if len(known) > MOST_SEEN:
                _drop(sketch, known)
        return seen

    def items(self) -> Iterator[tuple[str, int, AnySeen]]:
        """Return each subject with its count, at least, and what is known of it."""
        for sketch, known in self._shards:
            for subject, seen in known.items():
                if count := sketch.get_lower_bound(subject):
                    yield subject, count, seen

    def to_state(self) -> WatchState[AnySeen]:
        """Return all of it, what is known of subjects as it is."""
        return [(sketch.serialize(), known) for sketch, known in self._shards]

    def restore(self, state: WatchState[AnySeen]) -> None:
        """Take on what to_state returned."""
        deserialize = frequent_strings_sketch.deserialize
        self._shards = [(deserialize(sketch), known) for sketch, known in state]


def _drop(sketch: Any, known: dict[str, AnySeen]) -> None:
    for subject in [subject for subject in known if not sketch.get_lower_bound(subject)]:
        del known[subject]
