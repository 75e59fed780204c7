"""What brokers of different versions say of a topic."""

from uuid import UUID

import pytest

from connectors.topics import id_of


@pytest.mark.parametrize(
    ("found", "topic_id"),
    [
        ({"name": "in", "topic_id": UUID(int=7)}, "00000000-0000-0000-0000-000000000007"),
        ({"name": "in", "topic_id": None}, ""),
        ({"name": "in"}, ""),
    ],
)
def test_a_topic_without_an_id_has_an_empty_one(found: dict[str, object], topic_id: str) -> None:
    """Brokers before 2.8 give none: the client's answer then has no such entry."""
    assert id_of(found) == topic_id
