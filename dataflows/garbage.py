"""Python's search for garbage in cycles, paced for batches of thousands of short-lived objects."""

import gc

__all__ = ["collect_cycles_seldom"]

# New containers before a search. The default, 700, searches several times in each batch, and finds
# nothing: the flow makes no cycles. Some batches' worth keeps what libraries may leave bounded.
NEW_CONTAINERS = 200_000
YOUNG_SEARCHES = 50  # before the middle generation is searched
MIDDLE_SEARCHES = 100  # before everything is


def collect_cycles_seldom() -> None:
    """Leave out what is there now, modules and all, and search the rest seldom.

    Without it a fifth of the flow's processor time goes there (benchmarks/results/README.md).
    """
    gc.freeze()
    gc.set_threshold(NEW_CONTAINERS, YOUNG_SEARCHES, MIDDLE_SEARCHES)
