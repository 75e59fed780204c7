"""The gate: no change makes a login cost noticeably more without anyone noticing."""

import pytest

from tests.cost.instructions import instructions
from tests.cost.work import WORKS

# What was reached. After a change that makes the flow faster, or dearer for a good reason, put in
# what the test found: `pytest tests/cost -s`.
TIMES_THE_REFERENCE = 3.2
# Counts differ by far less on one machine; other builds of Python and its packages need the room.
SLACK = 1.15
MOST_FOR_OBSERVING = 0.01


@pytest.fixture(scope="module")
def counted() -> dict[str, int]:
    """How many instructions each work takes."""
    return dict(zip(WORKS, instructions(*WORKS), strict=True))


def test_a_login_takes_no_more_instructions_than_before(counted: dict[str, int]) -> None:
    """From decode to windows and report, against work that never changes."""
    nothing = counted["nothing"]
    found = (counted["process"] - nothing) / (counted["reference"] - nothing)
    print(f"{found:.2f} times the reference")
    assert found <= TIMES_THE_REFERENCE * SLACK


def test_observing_a_batch_costs_less_than_a_hundredth_of_processing_it(
    counted: dict[str, int],
) -> None:
    """All that monitoring notes on its way, against the operators alone, without Kafka's part."""
    observing = counted["observe"] - counted["prepare-to-observe"]
    share = observing / (counted["process"] - counted["nothing"])
    assert share < MOST_FOR_OBSERVING, f"{share:.2%}"
