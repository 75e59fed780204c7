"""Makes Python search for cyclic garbage less often: batches create thousands of objects."""

import gc

__all__ = ["collect_cycles_seldom"]

# New containers between searches. With the default, 700, there are several searches per batch,
# which find nothing: the flow makes no cycles. What libraries may leave stays bounded.
NEW_CONTAINERS = 200_000
YOUNG_SEARCHES = 50  # until the middle generation is searched
MIDDLE_SEARCHES = 100  # until everything is searched


def collect_cycles_seldom() -> None:
    """Exclude all existing objects, modules included, and search new ones less often.

    Otherwise searching takes a fifth of the flow's CPU time (benchmarks/results/README.md).
    """
    gc.freeze()
    gc.set_threshold(NEW_CONTAINERS, YOUNG_SEARCHES, MIDDLE_SEARCHES)
