"""How a writer's client is set up."""

from typing import Any

import pytest

from connectors import clients, writers
from connectors.writers import make_transactional_id, open_writer
from settings import Settings


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the next client is made with."""
    found: dict[str, Any] = {}

    def note(configuration: dict[str, Any], **_callbacks: object) -> None:
        found.update(configuration)

    monkeypatch.setattr(clients, "Producer", note)
    return found


def open_for(*limits: int) -> None:
    """Open a writer to topics with limits."""
    open_writer(Settings(delivery_guarantee="at_least_once"), "id", "partition 0", limits)


def test_the_clients_queue_has_no_limit(configured: dict[str, Any]) -> None:
    """By default it refuses more than 100,000 records, or a gigabyte, at once."""
    open_for(1_000_000)
    assert configured["queue.buffering.max.messages"] == 0
    assert configured["queue.buffering.max.kbytes"] == writers.MAX_QUEUE_KBYTES


@pytest.mark.parametrize(
    ("limits", "batch", "record"),
    [
        ((2_000, 1_048_588), 2_000, 1_048_588),
        ((2_000,), 2_000, 1_000_000),
        ((5_000_000, 4_000_000), 1_000_000, 5_000_000),
        ((2_147_483_647,), 1_000_000, 1_000_000_000),
    ],
)
def test_batches_fit_all_topics_and_records_one(
    configured: dict[str, Any], limits: tuple[int, ...], batch: int, record: int
) -> None:
    """The client may send whatever a topic accepts, as far as the client's own limits allow."""
    open_for(*limits)
    assert (configured["batch.size"], configured["message.max.bytes"]) == (batch, record)


def test_no_two_groups_share_a_transactional_id() -> None:
    """However names and hyphens join: they would fence each other."""
    names = [("a-b", "c"), ("a", "b-c"), ("a-b-c", "d")]
    ids = {make_transactional_id(Settings(kafka_group_id=a), b, 0) for a, b in names}
    assert len(ids) == len(names)


def test_a_transactional_id_begins_with_the_group() -> None:
    """By that a Kafka user gets the permission to use it."""
    settings = Settings(kafka_group_id="group")
    assert make_transactional_id(settings, "topic", 7) == "group/topic/7"
