"""What holds for the bytes of any record on their way through decode, enrich and encode."""

import json
import re
from datetime import UTC, datetime
from ipaddress import ip_address

import msgspec

from models import ProcessedLogin
from operators.batches import Login, LoginBatch, Reason, Reject
from operators.decode import FIELDS, decode, decode_batch, decode_carefully
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.hints import BEGINNINGS, BINARY_AFTER_HEADER, LONG_HEADER, NOT_UTF8, SEVERAL
from operators.privacy import mask_address
from operators.timestamps import LAST_SECOND
from records import DeadLetter, Headers, OutputBatch, RecordBatch

__all__ = ["NOW_MS", "check"]

NOW_MS = 1_720_622_216_000  # when every record was written: the same for all runs, to replay them
OFFSET = 7
NAME = f"(?:{'|'.join(FIELDS)})"
HINTS = [
    r"the record is a Debezium change event: unwrap it with the connector's transform "
    r"ExtractNewRecordState",
    r"the record is a Kafka Connect envelope: turn off schemas in the JSON converter",
    r"the record is a structured CloudEvent: send it in binary mode, the data as value",
    rf"it is there under another spelling: field names are in lower case, as {NAME}",
    rf"a field of the record is an object with a {NAME}: send only that object",
    rf"a field of the record is an array of objects with a {NAME}: send each alone",
    rf"a field of the record is JSON text with a {NAME}: send only that, as JSON",
]
# Every sentence that a dead letter may carry. Whoever adds one adds it here too, and sees to it
# that nothing of the record is in it.
DETAILS = [
    rf"{NAME} has a lone surrogate, which is not a character",
    rf"{NAME} is (?:a boolean|a number|a number with a fraction or an exponent|an array|an object),"
    r" not (?:text|an integer or text|a number or text)",
    rf"{NAME} is over 1,024 bytes of UTF-8",
    rf"(?:user_id|timestamp) is absent, null or empty(?:; (?:{'|'.join(HINTS)}))?",
    r"timestamp is in nanoseconds: send seconds, milliseconds or microseconds",
    r"timestamp is not from 1970 to 9999: send epoch seconds, milliseconds or microseconds, or an "
    r"ISO date and time",
    r"timestamp is more than a day past the record's own \(past the time of reading, if the "
    r"record's is absent or not from 2000 to 9999\)",
    r"the value is JSON, but not an object",
    r"the value is a JSON array, not an object: send one login per record",
    r"the value is JSON within a JSON string, encoded twice: encode the login once",
    r"the value is nested (?:too deeply|over 512 levels deep)",
    r"the value is not UTF-8 at byte [0-9]+(?: after its first [358] bytes)?",
    r"the value is not JSON at character [0-9]+(?: after its first [358] bytes)?",
    r"the value is not JSON",
    *map(re.escape, [NOT_UTF8, SEVERAL, BINARY_AFTER_HEADER, LONG_HEADER, *BEGINNINGS.values()]),
    r"a number is too big for a double",
    r"(?:NaN|-?Infinity) is no JSON",
]
_is_known_detail = re.compile("|".join(DETAILS)).fullmatch
FLAGS = {
    "invalid_app_version",
    "invalid_ip",
    "timestamp_ahead",
    "unrecognised_device_type",
    *(f"missing_{name}" for name in ("app_version", "device_id", "device_type", "ip", "locale")),
}


class _Origin:
    """The key and headers of the record."""

    def key(self) -> bytes | None:
        return b"key"

    def headers(self) -> Headers | None:
        return [("name", b"value")]


def check(value: bytes) -> None:
    """Send a record's value through the operators.

    Raises:
        AssertionError: something doesn't hold that has to hold for any bytes.
    """
    result = decode(value, NOW_MS)
    assert result == decode_carefully(value, NOW_MS), "the quick and the careful way differ"
    _check_decoded(result)
    decoded = decode_batch(_batch(value))
    enriched = enrich_batch(decoded, now=lambda: datetime.fromtimestamp(NOW_MS / 1000, UTC))
    written = encode_batch(enriched)
    assert len(written.records) + len(written.dead_letters) == 1, "a record is lost or doubled"
    assert len(written.records) == len(written.offsets) == len(enriched.logins)
    for letter in written.dead_letters:
        _check_dead_letter(letter, value)
    if enriched.logins:
        assert isinstance(result, Login)
        _check_output(result, enriched, written)


def _batch(value: bytes) -> RecordBatch:
    return RecordBatch(
        topic="topic",
        partition=0,
        start=0,
        next_offset=OFFSET + 1,
        offsets=[OFFSET],
        timestamps=[NOW_MS],
        values=[value],
        origins=[_Origin()],
    )


def _check_decoded(result: object) -> None:
    if isinstance(result, Reject):
        assert _is_known_detail(result.detail), f"an unknown detail: {result.detail!r}"
        return
    assert isinstance(result, Login)
    assert result.user_id
    assert type(result.timestamp) is int
    assert 0 <= result.timestamp <= LAST_SECOND


def _check_dead_letter(letter: DeadLetter, value: bytes) -> None:
    assert (letter.offset, letter.key, letter.value) == (OFFSET, b"key", value)
    assert letter.reason in set(Reason)
    assert _is_known_detail(letter.detail), f"an unknown detail: {letter.detail!r}"


def _check_output(login: Login, enriched: LoginBatch[ProcessedLogin], written: OutputBatch) -> None:
    [processed], [record] = enriched.logins, written.records
    assert record["key"] == processed.user_id == login.user_id
    assert msgspec.json.decode(record["value"], type=ProcessedLogin) == processed
    assert msgspec.convert(json.loads(record["value"]), ProcessedLogin) == processed
    assert processed.device_type in {"android", "iOS", "web", "unknown"}
    assert processed.version_category in {"legacy", "stable", "current", "unknown"}
    assert datetime.fromisoformat(processed.login_at).timestamp() == login.timestamp
    assert processed.quality == tuple(sorted(set(processed.quality) & FLAGS))
    _check_mask(login.ip or "", processed)


def _check_mask(raw: str, processed: ProcessedLogin) -> None:
    """A masked address is one, and is masked already; without one, a flag says so."""
    masked = processed.masked_ip
    flags = {"missing_ip", "invalid_ip"}.intersection(processed.quality)
    assert flags == (set() if masked else {"invalid_ip" if raw else "missing_ip"})
    if masked:
        assert mask_address(masked) == masked
        assert int(ip_address(masked)) & 0xFF == 0
