"""What a replayed batch still has to write."""

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.sink import unwritten
from records import DeadLetter, OutputBatch


def batch(offsets: list[int], letters: list[int]) -> OutputBatch:
    """Return a batch with outputs and dead letters of the given input offsets."""
    return OutputBatch(
        topic="in",
        partition=0,
        start=0,
        next_offset=max([*offsets, *letters], default=-1) + 1,
        offsets=offsets,
        records=[{"key": str(at), "value": b""} for at in offsets],
        dead_letters=[DeadLetter(at, 0, None, None, [], "not_json", "") for at in letters],
    )


@given(
    kinds=st.dictionaries(st.integers(0, 50), st.booleans()),
    written=st.integers(0, 60),
)
@example(kinds={3: True, 5: True}, written=5)  # the first one that isn't written: an output,
@example(kinds={3: False, 5: False}, written=5)  # and a dead letter
def test_only_what_comes_after_the_progress_is_written(
    kinds: dict[int, bool], written: int
) -> None:
    """Outputs and dead letters before the progress are left out, all others stay in order."""
    offsets = sorted(at for at, good in kinds.items() if good)
    letters = sorted(at for at, good in kinds.items() if not good)
    left = unwritten(batch(offsets, letters), written)
    assert left.offsets == [at for at in offsets if at >= written]
    assert [record["key"] for record in left.records] == [str(at) for at in left.offsets]
    assert [letter.offset for letter in left.dead_letters] == [
        at for at in letters if at >= written
    ]
    assert left.next_offset == batch(offsets, letters).next_offset
