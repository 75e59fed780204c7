"""Dead letters read back, selected, decided about, marked and summed up, all without Kafka."""

import json
import tracemalloc
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import dead_letter_headers, fit
from dlq.dead_letter import DeadLetter, read_dead_letter
from dlq.markers import SEGMENT_LETTERS, MarkerError, ReplayedLetters, ReplayMarker
from dlq.policy import Repair, RepairError, ReplayDecision, ReplayPolicy, load_repair
from dlq.selection import Selection
from dlq.show import as_lines, summarise
from dlq.topics import InputTopic
from records import DeadLetter as Rejected
from records import Headers

TIME = 1_720_000_000_123
LETTER = DeadLetter(
    partition=1,
    offset=100,
    key=b"key",
    value=b"value",
    headers=[("trace", b"\xff")],
    reason="not_json",
    detail="no JSON",
    input_topic="in",
    input_partition=3,
    input_offset=17,
    timestamp=TIME,
)
REJECTED = Rejected(
    offset=17,
    timestamp=TIME,
    key=b"key",
    value=b"value",
    headers=[("trace", b"\xff"), ("dlq.reason", b"older"), ("trace", None)],
    reason="not_json",
    detail="no JSON",
)


@dataclass
class Consumed:
    """A message as a consumer returns it."""

    letter: Rejected
    sent: Headers | None = field(default_factory=list)

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
        """Return its headers, or fail as the client does on a name that is not text."""
        if self.sent == [("unreadable", None)]:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")
        return self.sent

    def timestamp(self) -> tuple[int, int]:
        """Return its timestamp."""
        return 0, 0


def test_a_letter_is_read_as_the_flow_wrote_it() -> None:
    """Headers, reason and origin come back; the flow's headers don't count as original ones."""
    read = read_dead_letter(Consumed(REJECTED, dead_letter_headers(REJECTED, "in", 3)), 1)
    assert read == replace(LETTER, headers=[("trace", b"\xff"), ("trace", None)])


def test_what_the_flow_left_out_is_known() -> None:
    """The words of `dlq.truncated` come back, and say whether key and value are whole."""
    large = replace(REJECTED, value=b"v" * 5_000, headers=[("h", b"x" * 900)])
    for limit, wanted in ((600, {"headers", "value"}), (5_500, {"headers"})):
        cut, headers = fit(large, dead_letter_headers(large, "in", 3), limit)
        read = read_dead_letter(Consumed(cut, headers), 1)
        assert read.truncated == wanted
        assert read.is_whole == ("value" not in wanted)


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "timestamp"])
@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"1e3", b"1" * 20, "\N{ARABIC-INDIC DIGIT ONE}".encode()]
)
def test_a_record_with_other_headers_is_no_letter(name: str, value: bytes | None) -> None:
    """A header that is missing or no number leaves the origin unknown, and raises nothing."""
    sent = [item for item in dead_letter_headers(REJECTED, "in", 3) if item[0] != f"dlq.{name}"]
    assert read_dead_letter(Consumed(REJECTED, sent), 1).input_topic == ""
    if name != "topic" or not value:
        assert (
            read_dead_letter(Consumed(REJECTED, [*sent, (f"dlq.{name}", value)]), 1).input_topic
            == ""
        )
    assert read_dead_letter(Consumed(REJECTED, [("unreadable", None)]), 1).input_topic == ""
    assert read_dead_letter(Consumed(REJECTED, None), 1).input_topic == ""


def test_a_record_without_a_timestamp_is_still_a_letter() -> None:
    """Kafka gives -1 for a record that has none."""
    sent = dead_letter_headers(replace(REJECTED, timestamp=-1), "in", 3)
    letter = read_dead_letter(Consumed(REJECTED, sent), 1)
    assert (letter.input_topic, letter.timestamp) == ("in", -1)


def test_selection_by_reason_and_time() -> None:
    """Reasons are alternatives; a time range has its first moment, not its last."""
    assert Selection().selects(LETTER)
    assert Selection(reasons=frozenset({"not_json", "tombstone"})).selects(LETTER)
    assert not Selection(reasons=frozenset({"tombstone"})).selects(LETTER)
    assert Selection(times=range(TIME, TIME + 1)).selects(LETTER)
    assert not Selection(times=range(TIME + 1, TIME + 2)).selects(LETTER)
    assert not Selection(times=range(TIME)).selects(LETTER)
    assert not Selection(times=range(-1, TIME)).selects(DeadLetter(0, 0, None, None, []))
    assert not Selection(frozenset({"not_json"}), range(TIME)).selects(LETTER)


RANGES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.builds(
            lambda first, count: range(first, first + count),
            st.integers(0, 40),
            st.integers(1, 20) | st.just(2**63),
        ),
    ),
    max_size=4,
)


@given(RANGES, st.integers(0, 30), st.integers(0, 30))
def test_no_selected_letter_lies_outside_of_what_is_read(
    ranges: list[tuple[int, range]], low: int, count: int
) -> None:
    """The part of a partition that is read holds every selected letter, and nothing beyond it."""
    selection = Selection(offsets=tuple(ranges))
    for partition in range(3):
        part = selection.to_read(partition, low, low + count)
        assert low <= part.start <= part.stop <= low + count
        for offset in range(low, low + count):
            letter = replace(LETTER, partition=partition, offset=offset)
            meant = not ranges or any(
                number == partition and offsets.start <= offset < offsets.stop
                for number, offsets in ranges
            )
            assert selection.selects(letter) == meant
            assert offset in part or not meant


PLACES = st.tuples(st.integers(0, 3), st.integers(0, 3 * SEGMENT_LETTERS))


@given(st.lists(st.lists(PLACES, max_size=20), max_size=6), st.lists(PLACES, max_size=20))
def test_markers_say_exactly_which_letters_were_replayed(
    batches: list[list[tuple[int, int]]], others: list[tuple[int, int]]
) -> None:
    """Read back in order, the last record of each segment has all of its letters, and no other."""
    written = ReplayedLetters("dlq", "id")
    log = []
    for batch in batches:
        for partition, offset in batch:
            written.add(replace(LETTER, partition=partition, offset=offset))
        log += [msgspec.json.encode(marker) for marker in written.take_changes()]
    read = ReplayedLetters("dlq", "id")
    for value in log:
        read.load(value)
    marked = {place for batch in batches for place in batch}
    for partition, offset in marked | set(others):
        letter = replace(LETTER, partition=partition, offset=offset)
        assert (letter in read) == (letter in written) == ((partition, offset) in marked)
    assert not list(written.take_changes())


def test_markers_of_another_topic_are_ignored() -> None:
    """A topic made again has other letters at the same offsets."""
    marker = ReplayMarker("dlq", "id", 1, 0, b"\xff" * (SEGMENT_LETTERS // 8))
    for topic, topic_id, found in (
        ("dlq", "id", True),
        ("dlq", "other", False),
        ("o", "id", False),
    ):
        replayed = ReplayedLetters(topic, topic_id)
        replayed.load(msgspec.json.encode(marker))
        assert (LETTER in replayed) == found


@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", b'{"topic": 1}'])
def test_a_record_that_is_not_a_marker_is_refused(value: bytes) -> None:
    """Taking it for nothing could send letters twice."""
    with pytest.raises(MarkerError, match="nothing about replayed dead letters"):
        ReplayedLetters("dlq", "id").load(value)


def test_a_marker_of_a_later_version_is_refused() -> None:
    """What it means isn't known here."""
    value = msgspec.json.encode(ReplayMarker("dlq", "id", 0, 0, b"", version=2))
    with pytest.raises(MarkerError, match="another version"):
        ReplayedLetters("dlq", "id").load(value)


def test_markers_take_a_bit_of_memory_each() -> None:
    """Every letter of a segment costs one bit, replayed or not."""
    tracemalloc.start()
    replayed = ReplayedLetters("dlq", "id")
    for offset in range(0, 100 * SEGMENT_LETTERS, 64):
        replayed.add(replace(LETTER, offset=offset))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 100 * SEGMENT_LETTERS / 8


def _policy(repair: Repair | None = None) -> ReplayPolicy:
    return ReplayPolicy(InputTopic("in", 4, 1_000), repair)


@pytest.mark.parametrize(
    ("letter", "decision"),
    [
        (LETTER, ReplayDecision.REPLAYED),
        (replace(LETTER, value=None), ReplayDecision.REPLAYED),
        (replace(LETTER, truncated=frozenset({"headers"})), ReplayDecision.REPLAYED),
        (replace(LETTER, truncated=frozenset({"headers", "value"})), ReplayDecision.TRUNCATED),
        (replace(LETTER, truncated=frozenset({"key"})), ReplayDecision.TRUNCATED),
        (replace(LETTER, input_topic=""), ReplayDecision.NOT_A_DEAD_LETTER),
        (replace(LETTER, input_topic="other"), ReplayDecision.OTHER_TOPIC),
        (replace(LETTER, input_partition=4), ReplayDecision.NO_PARTITION),
        (replace(LETTER, value=b"v" * 900), ReplayDecision.TOO_LARGE),
        (replace(LETTER, reason="unreadable"), ReplayDecision.UNREADABLE),
        (replace(LETTER, reason="unreadable", value=None), ReplayDecision.UNREADABLE),
    ],
)
def test_what_becomes_of_a_letter(letter: DeadLetter, decision: ReplayDecision) -> None:
    """What can't be sent back as it was is left, each for its own reason."""
    assert _policy().decide(letter) == (decision, letter)


def test_a_repaired_value_is_sent_instead() -> None:
    """The function gets value and reason; a truncated letter that it repairs can go."""
    policy = _policy(lambda value, reason: (value or b"") + reason.encode())
    for letter in (LETTER, replace(LETTER, truncated=frozenset({"value"}))):
        sent = replace(letter, value=b"valuenot_json")
        assert policy.decide(letter) == (ReplayDecision.REPLAYED, sent)


def test_a_truncated_letter_that_repair_hands_back_is_not_repaired() -> None:
    """Returning the value as it was doesn't make it whole."""
    policy = _policy(lambda value, _reason: value)
    cut = replace(LETTER, truncated=frozenset({"value"}))
    assert policy.decide(cut)[0] == ReplayDecision.TRUNCATED
    assert policy.decide(LETTER)[0] == ReplayDecision.REPLAYED


def test_repair_can_leave_a_letter() -> None:
    """None leaves it where it is."""
    policy = _policy(lambda _value, _reason: None)
    assert policy.decide(LETTER)[0] == ReplayDecision.LEFT_BY_REPAIR


def test_a_batch_that_cannot_be_read_is_never_repaired() -> None:
    """It isn't a single login."""
    batch = replace(LETTER, reason="unreadable")
    policy = _policy(lambda _value, _reason: b"one login of many")
    assert policy.decide(batch) == (ReplayDecision.UNREADABLE, batch)


def test_a_repaired_value_that_is_too_large_is_left() -> None:
    """The broker would refuse it, and the batch with it."""
    policy = _policy(lambda _value, _reason: b"v" * 1_000)
    assert policy.decide(LETTER)[0] == ReplayDecision.TOO_LARGE


def _quotes_the_value(value: bytes | None, _reason: str) -> bytes | None:
    raise ValueError(f"can't read {value!r}")


def test_a_failure_of_repair_says_where_and_nothing_of_the_value() -> None:
    """Exceptions quote what they can't read; the line of code is shown instead."""
    with pytest.raises(RepairError, match=r"ValueError in line \d+ of test_dlq_letters\.py$"):
        _policy(_quotes_the_value).decide(LETTER)


def test_repair_has_to_return_bytes() -> None:
    """Text could be encoded in several ways."""
    policy = _policy(lambda _value, _reason: "text")  # type: ignore[arg-type,return-value]
    with pytest.raises(RepairError, match="it returned str, not bytes or None"):
        policy.decide(LETTER)


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
    replayed = ReplayedLetters("dlq", "id")
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
    summary = summarise("dlq", letters, ReplayedLetters("dlq", "id"), examples=0)
    assert len(summary.reasons) == 51
    assert summary.reasons["(others)"].count == summary.count - 50


@pytest.mark.parametrize("timestamp", [-1, 10**18, 2**63 - 1])
def test_a_time_that_is_none_is_left_out(timestamp: int) -> None:
    """A record without a time, or with one past the year 9999, is still shown."""
    letter = replace(LETTER, timestamp=timestamp)
    summary = summarise("dlq", [letter], ReplayedLetters("dlq", "id"), examples=1)
    assert summary.reasons["not_json"].examples[0].time is None
