"""What can go wrong with a local Kafka, in one line."""

__all__ = ["LocalKafkaError"]


class LocalKafkaError(Exception):
    """The broker can't be had; the text is one line that says why and what to do."""
