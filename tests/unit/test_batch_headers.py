"""What a stored batch's header says about it, whether or not the rest can be decompressed."""

import struct
from types import SimpleNamespace

import pytest
from kafka.record.memory_records import MemoryRecordsBuilder

from connectors.batch_headers import BatchHeaderError, StoredBatch, read_batch

GZIP, FORMAT, OLD_FORMAT = 1, 2, 1
TIMESTAMP = 1_720_622_216_000
PRODUCER = 7
LAST_OFFSET_DELTA = 23  # its position in a header


def stored(first: int, records: int, record_format: int = FORMAT) -> bytes:
    """Return a batch as stored in the log; its records can't be decompressed."""
    transaction = {"transactional": True, "producer_id": PRODUCER, "producer_epoch": 0}
    builder = MemoryRecordsBuilder(
        record_format,
        GZIP,
        10_000,
        base_sequence=0,
        **(transaction if record_format == FORMAT else {}),
    )
    for number in range(records):
        builder.append(TIMESTAMP + number, b"key", b"value", headers=[])
    builder.close()
    content = bytearray(builder.buffer())
    struct.pack_into(">q", content, 0, first)  # a broker sets it
    return bytes(content[:-20]) + b"x" * 20


def read(records: bytes, offset: int, high_watermark: int = 100, *aborted: int) -> StoredBatch:
    """Read a broker's answer; transactions of the producer that begin at some offsets failed."""
    transactions = [SimpleNamespace(producer_id=PRODUCER, first_offset=first) for first in aborted]
    answer = SimpleNamespace(
        records=records, high_watermark=high_watermark, aborted_transactions=transactions or None
    )
    return read_batch(answer, offset)


@pytest.mark.parametrize(("asked", "first"), [(20, 20), (23, 23), (29, 29), (15, 20)])
def test_a_batch_is_all_of_it_from_the_offset_that_was_asked_for(asked: int, first: int) -> None:
    """Reading may have begun within it; compaction may have removed what was before it."""
    content = stored(20, 10)
    batch = read(content + stored(30, 5)[:40], asked)
    assert (batch.first, batch.last) == (first, 29)
    assert batch.content == content
    assert batch.timestamp == TIMESTAMP + 9
    assert not batch.aborted
    assert (batch.key(), batch.headers()) == (None, [])


def test_the_last_batch_ends_with_the_log() -> None:
    """Nothing comes after it that could contradict it."""
    assert read(stored(20, 10), 20, 30).last == 29
    with pytest.raises(BatchHeaderError, match="its last offset can't be 29"):
        read(stored(20, 10), 20, 29)


@pytest.mark.parametrize("delta", [10, -1, 2**31 - 1])
def test_a_header_that_contradicts_the_next_one_is_damaged(delta: int) -> None:
    """Offsets that may be readable are never passed over."""
    content = bytearray(stored(20, 10))
    struct.pack_into(">i", content, LAST_OFFSET_DELTA, delta)
    with pytest.raises(BatchHeaderError, match="its header is damaged"):
        read(bytes(content) + stored(30, 5), 20)


def test_a_batch_of_an_old_format_is_not_passed_over() -> None:
    """Its header has its last offset alone, in another place."""
    with pytest.raises(BatchHeaderError, match=r"before Kafka 0\.11"):
        read(stored(0, 10, OLD_FORMAT), 0)


@pytest.mark.parametrize("records", [b"", stored(20, 10)[:-1]])
def test_a_batch_that_is_not_whole_has_no_header(records: bytes) -> None:
    """A length that is damaged makes it look so."""
    with pytest.raises(BatchHeaderError):
        read(records, 20)


@pytest.mark.parametrize(("began", "aborted"), [(20, True), (12, True), (30, False)])
def test_a_batch_of_an_aborted_transaction_is_known(began: int, aborted: bool) -> None:
    """By its producer, and the offset where its transaction began."""
    assert read(stored(20, 10), 20, 100, began).aborted is aborted
