"""Background threads: a failure is logged, and the work is restarted."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from kafka import TopicPartition
from structlog.testing import capture_logs

import background
from background import run_in_background
from connectors import group_offsets
from connectors.group_offsets import GroupOffsets
from settings import Settings
from tests.support.input_partitions import FLOW_TOPICS
from tests.support.waiting import DEADLINE_SECONDS, wait_until


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what failed again at once."""
    monkeypatch.setattr(background, "FIRST_PAUSE_SECONDS", 0.0)


def failing(*errors: BaseException) -> Callable[[], None]:
    """Return a function that raises each error once, and returns when none is left."""
    left = iter(errors)

    def work() -> None:
        for error in left:
            raise error

    return work


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [RuntimeError("of a\nlibrary"), SystemExit("of a library")])
def test_what_raises_is_run_again_with_a_line(error: BaseException) -> None:
    """The line names the thread, the error, where it was raised, and what happens next."""
    with capture_logs() as lines:
        run_in_background("reader", failing(error, error)).join(DEADLINE_SECONDS)
    assert len(lines) == 2
    assert lines[0]["thread"] == "reader"
    assert lines[0]["then"] == "running it again in 0 s"
    assert lines[0]["error"] == f"{type(error).__name__}: of a library"
    assert lines[0]["where"].startswith("test_background.py:")


def test_the_pause_grows_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that stays takes a line a minute at most, not one a second."""
    waited: list[float] = []
    stopping = Event()

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(stopping, "wait", wait)
    with capture_logs():
        run_in_background("reader", failing(*[OSError()] * 9), stopping).join(DEADLINE_SECONDS)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_shall_stop_is_not_run_again() -> None:
    """A failure while a program ends neither holds it up nor begins the work once more."""
    stopping = Event()
    runs = []

    def work() -> None:
        runs.append(1)
        stopping.set()
        raise OSError

    with capture_logs():
        thread = run_in_background("reader", work, stopping)
        thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()
    assert len(runs) == 1


@pytest.mark.usefixtures("impatient")
def test_the_groups_offsets_are_committed_after_any_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unexpected error of the client costs one commit, not all later ones."""
    committed: dict[TopicPartition, Any] = {}

    def alter(_admin: object, _group: str, offsets: dict[TopicPartition, Any]) -> None:
        if offsets[TopicPartition(FLOW_TOPICS.input, 0)].offset == 1:
            raise AssertionError("of the client")
        committed.update(offsets)

    monkeypatch.setattr(GroupOffsets, "_connect", lambda _self: object())
    monkeypatch.setattr(group_offsets, "_alter", alter)
    offsets = GroupOffsets(Settings(), FLOW_TOPICS)
    with capture_logs() as lines:
        offsets.commit(0, 1)
        wait_until(lambda: lines, "a line")
        offsets.commit(0, 2, last=True)
        wait_until(lambda: committed, "a commit")
    assert lines[0]["thread"] == "group-offsets"
