"""Dead letters read back, selected, judged, marked and summed up, all without Kafka."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import dead_letter_headers, fit
from connectors.records import DeadLetter, Headers
from dlq.fates import Fate, Judge, Verdict
from dlq.letters import Letter, Origin, read_letter
from dlq.marks import SEGMENT_LETTERS, Mark, MarkError, Replayed
from dlq.repair import RepairError, load_repair, repaired
from dlq.selection import OffsetRange, Selection
from dlq.show import as_lines, summarise

ORIGIN = Origin("in", 3, 17, 1_720_000_000_123)
LETTER = Letter(1, 100, b"key", b"value", [("trace", b"\xff")], "not_json", "no JSON", ORIGIN)
DEAD = DeadLetter(
    offset=17,
    timestamp=1_720_000_000_123,
    key=b"key",
    value=b"value",
    headers=[("trace", b"\xff"), ("dlq.reason", b"older"), ("trace", None)],
    reason="not_json",
    detail="no JSON",
)


@dataclass
class Consumed:
    """A message as a consumer returns it."""

    letter: DeadLetter
    sent: Headers | None = field(default_factory=list)

    def partition(self) -> int:
        """Return its partition."""
        return 1

    def offset(self) -> int:
        """Return its offset."""
        return 100

    def key(self) -> bytes | None:
        """Return its key."""
        return self.letter.key

    def value(self) -> bytes | None:
        """Return its value."""
        return self.letter.value

    def headers(self) -> Headers | None:
        """Return its headers, or fail as the client does on a name that is no text."""
        if self.sent == [("unreadable", None)]:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")
        return self.sent


def test_a_letter_is_read_as_the_flow_wrote_it() -> None:
    """Headers, reason and origin come back; the flow's headers don't count as original ones."""
    read = read_letter(Consumed(DEAD, dead_letter_headers(DEAD, "in", 3)))
    assert read == replace(LETTER, headers=[("trace", b"\xff"), ("trace", None)])


def test_what_the_flow_left_out_is_known() -> None:
    """The words of `dlq.truncated` come back, and say whether key and value are whole."""
    large = replace(DEAD, value=b"v" * 5_000, headers=[("h", b"x" * 900)])
    for limit, wanted in ((600, {"headers", "value"}), (5_500, {"headers"})):
        cut, headers = fit(large, dead_letter_headers(large, "in", 3), limit)
        read = read_letter(Consumed(cut, headers))
        assert read.truncated == wanted
        assert read.is_whole == ("value" not in wanted)


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "timestamp"])
@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"1e3", b"1" * 20, "\N{ARABIC-INDIC DIGIT ONE}".encode()]
)
def test_a_record_with_other_headers_is_no_letter(name: str, value: bytes | None) -> None:
    """A header that is missing or no number leaves the origin unknown, and raises nothing."""
    sent = [item for item in dead_letter_headers(DEAD, "in", 3) if item[0] != f"dlq.{name}"]
    assert read_letter(Consumed(DEAD, sent)).origin is None
    if name != "topic" or not value:
        assert read_letter(Consumed(DEAD, [*sent, (f"dlq.{name}", value)])).origin is None
    assert read_letter(Consumed(DEAD, [("unreadable", None)])).origin is None
    assert read_letter(Consumed(DEAD, None)).origin is None


def test_a_record_without_a_timestamp_is_still_a_letter() -> None:
    """Kafka gives -1 for a record that has none."""
    sent = dead_letter_headers(replace(DEAD, timestamp=-1), "in", 3)
    origin = read_letter(Consumed(DEAD, sent)).origin
    assert origin is not None
    assert origin.timestamp == -1


def test_selection_by_reason_and_time() -> None:
    """Reasons are alternatives; a time range has its first moment, not its last."""
    time = ORIGIN.timestamp
    assert Selection().takes(LETTER)
    assert Selection(reasons=frozenset({"not_json", "tombstone"})).takes(LETTER)
    assert not Selection(reasons=frozenset({"tombstone"})).takes(LETTER)
    assert Selection(since=time, until=time + 1).takes(LETTER)
    assert not Selection(since=time + 1).takes(LETTER)
    assert not Selection(until=time).takes(LETTER)
    assert not Selection(since=0).takes(replace(LETTER, origin=None))
    assert not Selection(reasons=frozenset({"not_json"}), until=time).takes(LETTER)


RANGES = st.lists(
    st.builds(
        lambda partition, first, more: OffsetRange(
            partition, first, None if more is None else first + more
        ),
        st.integers(0, 2),
        st.integers(0, 40),
        st.none() | st.integers(0, 20),
    ),
    max_size=4,
)


@given(RANGES, st.integers(0, 30), st.integers(0, 30))
def test_no_selected_letter_lies_outside_of_what_is_read(
    ranges: list[OffsetRange], low: int, count: int
) -> None:
    """The part of a partition that is read holds every selected letter, and nothing beyond it."""
    selection = Selection(ranges=tuple(ranges))
    for partition in range(3):
        first, behind = selection.bounds(partition, low, low + count)
        assert low <= first <= behind <= low + count
        for offset in range(low, low + count):
            letter = replace(LETTER, partition=partition, offset=offset)
            meant = not ranges or any(
                part.partition == partition
                and part.first <= offset <= (offset if part.last is None else part.last)
                for part in ranges
            )
            assert selection.takes(letter) == meant
            assert first <= offset < behind or not meant


PLACES = st.tuples(st.integers(0, 3), st.integers(0, 3 * SEGMENT_LETTERS))


@given(st.lists(st.lists(PLACES, max_size=20), max_size=6), st.lists(PLACES, max_size=20))
def test_marks_say_exactly_which_letters_were_replayed(
    batches: list[list[tuple[int, int]]], others: list[tuple[int, int]]
) -> None:
    """Read back in order, the last record of each segment has all of its letters, and no other."""
    written = Replayed("dlq", "id")
    log = []
    for batch in batches:
        for partition, offset in batch:
            written.add(replace(LETTER, partition=partition, offset=offset))
        log += [msgspec.json.encode(mark) for mark in written.take_changes()]
    read = Replayed("dlq", "id")
    for value in log:
        read.load(value)
    marked = {place for batch in batches for place in batch}
    for partition, offset in marked | set(others):
        letter = replace(LETTER, partition=partition, offset=offset)
        assert (letter in read) == (letter in written) == ((partition, offset) in marked)
    assert not list(written.take_changes())


def test_marks_of_another_topic_are_none() -> None:
    """A topic made again has other letters at the same offsets."""
    mark = Mark("dlq", "id", 1, 0, b"\xff" * (SEGMENT_LETTERS // 8))
    for topic, topic_id, found in (
        ("dlq", "id", True),
        ("dlq", "other", False),
        ("o", "id", False),
    ):
        replayed = Replayed(topic, topic_id)
        replayed.load(msgspec.json.encode(mark))
        assert (LETTER in replayed) == found


@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", b'{"topic": 1}'])
def test_a_record_that_is_no_mark_is_refused(value: bytes) -> None:
    """Taking it for nothing could send letters twice."""
    with pytest.raises(MarkError, match="nothing about replayed letters"):
        Replayed("dlq", "id").load(value)


def test_a_mark_of_a_later_version_is_refused() -> None:
    """What it means isn't known here."""
    with pytest.raises(MarkError, match="another version"):
        Replayed("dlq", "id").load(msgspec.json.encode(Mark("dlq", "id", 0, 0, b"", version=2)))


def test_marks_take_a_bit_of_memory_each() -> None:
    """Every letter of a segment costs one bit, replayed or not."""
    tracemalloc.start()
    replayed = Replayed("dlq", "id")
    for offset in range(0, 100 * SEGMENT_LETTERS, 64):
        replayed.add(replace(LETTER, offset=offset))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 100 * SEGMENT_LETTERS / 8


def _judge(repair: Callable[[bytes | None, str], bytes | None] | None = None) -> Judge:
    return Judge("in", 4, 1_000, repair)


def test_a_letter_goes_back_as_it_was() -> None:
    """Key, value, headers and partition are the original ones."""
    outgoing = _judge().judge(LETTER).outgoing
    assert outgoing is not None
    assert (outgoing.key, outgoing.value) == (b"key", b"value")
    assert (outgoing.headers, outgoing.partition) == ([("trace", b"\xff")], 3)


@pytest.mark.parametrize(
    ("letter", "fate"),
    [
        (LETTER, Fate.REPLAYED),
        (replace(LETTER, value=None), Fate.REPLAYED),
        (replace(LETTER, truncated=frozenset({"headers"})), Fate.REPLAYED),
        (replace(LETTER, truncated=frozenset({"headers", "value"})), Fate.TRUNCATED),
        (replace(LETTER, truncated=frozenset({"key"})), Fate.TRUNCATED),
        (replace(LETTER, origin=None), Fate.NO_LETTER),
        (replace(LETTER, origin=replace(ORIGIN, topic="other")), Fate.OTHER_TOPIC),
        (replace(LETTER, origin=replace(ORIGIN, partition=4)), Fate.NO_PARTITION),
        (replace(LETTER, value=b"v" * 900), Fate.TOO_LARGE),
        (replace(LETTER, reason="unreadable"), Fate.UNREADABLE),
        (replace(LETTER, reason="unreadable", value=None), Fate.UNREADABLE),
    ],
)
def test_what_becomes_of_a_letter(letter: Letter, fate: Fate) -> None:
    """What can't be sent back as it was is left, each for its own reason."""
    verdict = _judge().judge(letter)
    assert verdict.fate == fate
    assert (verdict.outgoing is not None) == (fate == Fate.REPLAYED)


def test_a_repaired_value_is_sent_instead() -> None:
    """The function gets value and reason; a truncated letter that it mends can go."""
    judge = _judge(lambda value, reason: (value or b"") + reason.encode())
    for letter in (LETTER, replace(LETTER, truncated=frozenset({"value"}))):
        outgoing = judge.judge(letter).outgoing
        assert outgoing is not None
        assert outgoing.value == b"valuenot_json"
        assert outgoing.key == b"key"


def test_a_truncated_letter_that_repair_hands_back_is_not_repaired() -> None:
    """Returning the value as it was doesn't make it whole."""
    judge = _judge(lambda value, _reason: value)
    assert judge.judge(replace(LETTER, truncated=frozenset({"value"}))).fate == Fate.TRUNCATED
    assert judge.judge(LETTER).fate == Fate.REPLAYED


def test_repair_can_leave_a_letter() -> None:
    """None leaves it where it is."""
    assert _judge(lambda _value, _reason: None).judge(LETTER) == Verdict(Fate.LEFT_BY_REPAIR)
    batch = replace(LETTER, reason="unreadable")
    assert _judge(lambda _value, _reason: b"one login of many").judge(batch).outgoing is None


def _quotes_the_value(value: bytes | None, _reason: str) -> bytes | None:
    raise ValueError(f"can't read {value!r}")


def test_a_failure_of_repair_says_where_and_nothing_of_the_value() -> None:
    """Exceptions quote what they can't read; the line of code is shown instead."""
    verdict = _judge(_quotes_the_value).judge(LETTER)
    assert verdict.fate == Fate.REPAIR_FAILED
    assert verdict.note.startswith("ValueError in line ")
    assert verdict.note.endswith("test_dlq_letters.py")


def test_repair_has_to_return_bytes() -> None:
    """Text has no bytes of its own."""
    with pytest.raises(RepairError, match="it returned str, not bytes or None"):
        repaired(lambda _value, _reason: "text", b"", "not_json")  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("json", "should be MODULE:FUNCTION"),
        (":loads", "should be MODULE:FUNCTION"),
        ("no_such_module:f", "can't be imported: ModuleNotFoundError"),
        ("json:no_such_function", "json has no function no_such_function"),
        ("json:__name__", "json has no function __name__"),
    ],
)
def test_a_repair_function_that_is_not_there(name: str, line: str) -> None:
    """The line says what is missing."""
    with pytest.raises(RepairError, match=line):
        load_repair(name)
    assert load_repair("json:loads").__name__ == json.loads.__name__


def test_a_summary_counts_by_reason_and_shows_what_was_not_replayed() -> None:
    """The commonest reason comes first; examples are the first few that were not replayed."""
    letters = [replace(LETTER, offset=offset) for offset in range(5)]
    letters.append(replace(LETTER, offset=9, reason="tombstone", value=None, key=None))
    replayed = Replayed("dlq", "id")
    replayed.add(letters[0])
    summary = summarise("dlq", letters, replayed, examples=2)
    assert [(name, r.count, r.replayed) for name, r in summary.reasons.items()] == [
        ("not_json", 5, 1),
        ("tombstone", 1, 0),
    ]
    assert [example.offset for example in summary.reasons["not_json"].examples] == [1, 2]
    assert as_lines(summary)[:4] == [
        "dlq: 6 dead letters, 1 replayed",
        "not_json 5 (83.3%), 1 replayed",
        "  partition 1 offset 1, was 3/17, 2024-07-03T09:46:40.123Z, key 3 B, value 5 B, "
        "1 headers: no JSON",
        "    value",
    ]
    assert "no key, no value" in as_lines(summary)[-1]


def test_a_flood_of_made_up_reasons_takes_no_memory() -> None:
    """Only so many are told apart."""
    letters = [replace(LETTER, reason="a" * (n // 26) + chr(97 + n % 26)) for n in range(200)]
    summary = summarise("dlq", letters, Replayed("dlq", "id"), examples=0)
    assert len(summary.reasons) == 51
    assert summary.reasons["(others)"].count == summary.count - 50


@pytest.mark.parametrize("timestamp", [-1, 10**18, 2**63 - 1])
def test_a_time_that_is_none_is_left_out(timestamp: int) -> None:
    """A record without a time, or with one past the year 9999, is still shown."""
    letter = replace(LETTER, origin=replace(ORIGIN, timestamp=timestamp))
    summary = summarise("dlq", [letter], Replayed("dlq", "id"), examples=1)
    assert summary.reasons["not_json"].examples[0].time is None
