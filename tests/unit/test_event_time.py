"""When a login counts as having happened, if its clock or its record's time is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.event_time import FIRST_RECORD_TIME, event_times

NOW = 1_720_622_216
HOUR = 3_600


@pytest.mark.parametrize(
    ("milliseconds", "happened"),
    [
        (NOW * 1_000 + 500, NOW),
        (NOW * 1_000, NOW),
        (NOW * 1_000 - 1, NOW - 1),
        ((NOW - 12 * HOUR) * 1_000, NOW - 12 * HOUR),
    ],
)
def test_no_login_happens_after_its_record_was_written(milliseconds: int, happened: int) -> None:
    """The earlier of the two counts, in whole seconds."""
    assert event_times([NOW], [milliseconds]) == [happened]


@pytest.mark.parametrize("record_time", [-1, 0, 1, NOW, FIRST_RECORD_TIME - 1])
def test_a_record_time_before_2000_bounds_nothing(record_time: int) -> None:
    """It is absent, a default, or in seconds."""
    assert event_times([NOW], [record_time]) == [NOW]


@given(
    st.lists(
        st.tuples(
            st.integers(NOW - 5, NOW + 5) | st.just(0),
            st.integers(NOW * 1_000 - 5_000, NOW * 1_000 + 5_000) | st.sampled_from([-1, 0, NOW]),
        )
    )
)
def test_a_login_s_event_time_does_not_depend_on_its_batch(logins: list[tuple[int, int]]) -> None:
    """So a replay that cuts batches elsewhere decides the same."""
    together = event_times([one for one, _ in logins], [written for _, written in logins])
    assert together == [time for one, written in logins for time in event_times([one], [written])]


def test_an_empty_batch_has_no_event_times() -> None:
    """An idle partition's has neither logins nor records."""
    assert event_times([], []) == []
