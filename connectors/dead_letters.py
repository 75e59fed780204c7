"""Dead letters as records of their topic: untouched, and with headers that say why."""

from dataclasses import replace

from records import DeadLetter, Headers

__all__ = ["HEADER_PREFIX", "dead_letter_headers", "fit", "record_size"]

HEADER_PREFIX = "dlq."
TRUNCATED = HEADER_PREFIX + "truncated"
# What Kafka's format adds to a lone record: 61 bytes for its batch, and lengths and deltas of at
# most 5 bytes each (https://kafka.apache.org/documentation/#messageformat), rounded up.
BATCH_OVERHEAD = 128
HEADER_OVERHEAD = 10


def dead_letter_headers(letter: DeadLetter, topic: str, partition: int) -> Headers:
    """Return the original headers, without older dead-letter ones, followed by ours.

    Kafka takes any bytes as a header's name, its clients only text. Headers that can't be read for
    that reason are left out, and `dlq.truncated` says so.
    """
    ours: dict[str, object] = {
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": topic,
        "partition": partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
    }
    if letter.headers is None:
        ours["truncated"] = "headers"
    headers = letter.headers or []
    kept = [(name, value) for name, value in headers if not name.startswith(HEADER_PREFIX)]
    return kept + [(HEADER_PREFIX + name, str(value).encode()) for name, value in ours.items()]


def fit(letter: DeadLetter, headers: Headers, limit: int) -> tuple[DeadLetter, Headers]:
    """Make a dead letter fit the broker's limit, and say in `dlq.truncated` what was left out.

    First the original headers are dropped, then the end of the value, then the end of the key.

    Args:
        letter: the dead letter.
        headers: what `dead_letter_headers` made of it.
        limit: of the topic, for a batch of records, in bytes.
    """
    if record_size(letter.key, letter.value, headers) <= limit:
        return letter, headers
    without = _without_originals(headers, "headers")
    if record_size(letter.key, letter.value, without) <= limit:
        return letter, without
    longest = _without_originals(headers, "headers, value, key")
    room = limit - record_size(None, None, longest)
    key = letter.key and letter.key[:room]
    value = letter.value and letter.value[: room - len(key or b"")]
    cut = "headers, value" if key == letter.key else "headers, value, key"
    return replace(letter, key=key, value=value), _without_originals(headers, cut)


def _without_originals(headers: Headers, truncated: str) -> Headers:
    ours = [(n, v) for n, v in headers if n.startswith(HEADER_PREFIX) and n != TRUNCATED]
    return [*ours, (TRUNCATED, truncated.encode())]


def record_size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Return at most how many bytes a record takes on the wire, in a batch of its own."""
    names_and_values = sum(len(name.encode()) + len(value or b"") for name, value in headers)
    body = len(key or b"") + len(value or b"")
    return BATCH_OVERHEAD + body + names_and_values + HEADER_OVERHEAD * len(headers)
