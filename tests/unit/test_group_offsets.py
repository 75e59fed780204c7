"""Which offset of a partition is committed for lag tools to see."""

import pytest

from connectors.group_offsets import GroupOffsets
from settings import Settings
from tests.support.input_partitions import FLOW_TOPICS

HANDED_ON, POSITION = 10, 15  # five markers and aborted records behind the last record


@pytest.mark.parametrize(
    ("written", "committed"),
    [(9, 9), (HANDED_ON, POSITION), (12, POSITION), (20, 20)],
    ids=["not all is written", "all is written", "written by a run before", "read again"],
)
def test_the_position_is_committed_once_all_before_it_is_written(
    written: int, committed: int
) -> None:
    """Markers count as processed, but never while the output of a record before them is missing."""
    offsets = GroupOffsets(Settings(), FLOW_TOPICS)
    assert offsets.processed_to(0, written) == written
    offsets.read_to(0, HANDED_ON, POSITION)
    assert offsets.processed_to(0, written) == committed
