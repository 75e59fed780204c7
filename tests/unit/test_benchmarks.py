"""The benchmark's own arithmetic, and that wrong output never counts."""

import json
import os
import pickle
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from benchmarks import results
from benchmarks.bench import Run
from benchmarks.chart import Bar, picture
from benchmarks.check import WrongOutputError, check_copies, check_logins, check_windows
from benchmarks.contenders import CONTENDERS
from benchmarks.feed import EPOCH, Feed
from benchmarks.latency import summary
from benchmarks.measure import CommandFailedError, Usage, measure
from benchmarks.per_message import Minute, process, to_json
from benchmarks.table import Figures, figures, lowest_ratio, ratio, table
from operators.batches import Login
from operators.decode import decode

RECORDS = 3_000


@pytest.fixture(scope="module")
def feed() -> Feed:
    """A small input."""
    return Feed(RECORDS)


@pytest.fixture
def outputs(feed: Feed) -> list[bytes]:
    """What a contender that does everything right writes."""
    results = (feed.result(number) for number in range(RECORDS))
    return [
        msgspec.json.encode(msgspec.structs.replace(result, processed_at="2024-07-03T10:00:00Z"))
        for result in results
    ]


def insights(feed: Feed) -> list[tuple[bytes, bytes]]:
    """The windows that a contender that does everything right writes."""
    return [
        (
            start.encode(),
            msgspec.json.encode(
                {
                    "window_start": start,
                    "logins": window.logins,
                    "unique_users": window.users,
                    "device_types": window.device_types,
                    "version_categories": window.version_categories,
                    "locales": window.locales,
                }
            ),
        )
        for start, window in feed.windows.items()
    ]


def run(cpu: float, records: int, name: str = "ours") -> Run:
    """A run that took so much CPU, by 2 s of the clock."""
    return Run(name, records, Usage(user=cpu, system=0.0, wall=2.0, megabytes=100.0))


def test_every_login_of_the_feed_is_one(feed: Feed) -> None:
    """Each decodes, in the order of event time, with a device of its own and about 210 bytes."""
    logins = [decode(feed.value(number), EPOCH * 1_000) for number in range(RECORDS)]
    assert all(isinstance(login, Login) for login in logins)
    timestamps = [login.timestamp for login in logins if isinstance(login, Login)]
    assert timestamps == sorted(timestamps)
    assert len({login.device_id for login in logins if isinstance(login, Login)}) == RECORDS
    assert 190 < sum(len(feed.value(number)) for number in range(RECORDS)) / RECORDS < 220


def test_the_feed_has_what_is_really_seen(feed: Feed) -> None:
    """One in twenty lacks its device type; some times are text; all partitions get their share."""
    values = [msgspec.json.decode(feed.value(number)) for number in range(RECORDS)]
    absent = sum("device_type" not in value for value in values) / RECORDS
    assert 0.03 < absent < 0.07
    assert {type(value["timestamp"]) for value in values} == {int, str}
    assert len({feed.key(number) for number in range(RECORDS)}) == RECORDS


def test_the_windows_hold_all_logins(feed: Feed) -> None:
    """Ten whole minutes."""
    windows = feed.windows.values()
    assert len(windows) == 10
    assert sum(window.logins for window in windows) == RECORDS
    for window in windows:
        assert sum(window.device_types.values()) == window.logins
        assert 0 < window.users <= window.logins


def test_right_output_passes(feed: Feed, outputs: list[bytes]) -> None:
    """In any order."""
    check_logins(feed, reversed(outputs))
    check_copies(feed, (feed.value(number) for number in range(RECORDS)))
    check_windows(feed, insights(feed))


def test_a_lost_login_is_found(feed: Feed, outputs: list[bytes]) -> None:
    """With its number."""
    with pytest.raises(WrongOutputError, match="1 of 3000 logins are lost, the first is 7"):
        check_logins(feed, outputs[:7] + outputs[8:])


def test_a_repeated_login_is_found(feed: Feed, outputs: list[bytes]) -> None:
    """Also where the count is right, because another one is lost."""
    with pytest.raises(WrongOutputError, match="login 7 came out twice"):
        check_logins(feed, [*outputs[:-1], outputs[7]])


def test_a_wrong_field_is_found(feed: Feed, outputs: list[bytes]) -> None:
    """With its name."""
    wrong = outputs[7].replace(b'"masked_ip":"', b'"masked_ip":"9')
    with pytest.raises(WrongOutputError, match="login 7: masked_ip"):
        check_logins(feed, [*outputs[:7], wrong, *outputs[8:]])


def test_a_changed_copy_is_found(feed: Feed) -> None:
    """The floor has to write what it read."""
    values = [feed.value(number) for number in range(RECORDS)]
    with pytest.raises(WrongOutputError, match="login 5 was changed"):
        check_copies(feed, [*values[:5], values[5] + b" ", *values[6:]])


def test_a_login_that_was_never_sent_is_found(feed: Feed, outputs: list[bytes]) -> None:
    """Such as one of another input."""
    other = outputs[0].replace(feed.device(0).encode(), feed.device(RECORDS).encode())
    with pytest.raises(WrongOutputError, match="login 3000 was never sent"):
        check_logins(feed, [*outputs, other])


def test_only_the_last_record_of_a_window_counts(feed: Feed) -> None:
    """Windows are upserts: earlier ones may hold less."""
    records = insights(feed)
    key, value = records[0]
    check_windows(feed, [(key, value.replace(b'"logins":300', b'"logins":299')), *records])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"logins":300', b'"logins":299', "logins is 299 instead of 300"),
        (b'"unique_users":', b'"unique_users":9', "users instead of"),
        (b'"iOS":', b'"iOS":1', "device_types is"),
    ],
)
def test_a_wrong_window_is_found(feed: Feed, old: bytes, new: bytes, what: str) -> None:
    """With what is wrong in it."""
    (key, value), *others = insights(feed)
    with pytest.raises(WrongOutputError, match=what):
        check_windows(feed, [(key, value.replace(old, new)), *others])


def test_a_missing_window_is_found(feed: Feed) -> None:
    """Each minute has to be there."""
    with pytest.raises(WrongOutputError, match="windows"):
        check_windows(feed, insights(feed)[1:])


def test_the_start_is_taken_off() -> None:
    """What is left grows with the input."""
    found = figures([run(12.0, 1_001_000), run(10.0, 1_001_000), run(11.0, 1_001_000)], STARTS)
    assert (found.lowest, found.microseconds, found.highest) == (9.0, 10.0, 11.0)
    assert (found.start, found.runs, found.megabytes) == (1.0, 3, 100.0)
    assert found.rate == 500_500.0


STARTS = [run(0.9, 1_000), run(1.0, 1_000), run(5.0, 1_000)]


def test_ratios_are_of_cpu_to_the_floor() -> None:
    """The floor itself is 1."""
    floor = figures([run(3.0, 1_001_000, "floor"), run(5.0, 1_001_000, "floor")], STARTS)
    found = figures([run(10.0, 1_001_000), run(13.0, 1_001_000)], STARTS)
    assert ratio(found, floor) == 10.5 / 3
    assert lowest_ratio(found, floor) == 9 / 2
    assert ratio(floor, floor) == 1


def test_the_table_has_a_line_each() -> None:
    """With the ratio, where there is something to compare with."""
    found = Figures("ours", 3, 1.0, 10.0, 9.0, 11.0, 12.0, 93_210.0, 250.4)
    floor = Figures("floor", 3, 0.1, 4.0, 4.0, 4.0, 4.1, 200_000.0, 90.0)
    lines = table([floor, found], {"ours": "this", "floor": "the floor"}, floor).splitlines()
    assert lines[2].startswith("| the floor | 4.00 | 4.00 to 4.00 | 1.00 |")
    assert lines[3] == "| this | 10.00 | 9.00 to 11.00 | 2.50 | 1.00 | 12.00 | 93,210 | 250 |"
    assert "| - |" in table([found], {"ours": "this"}, None)


def test_results_say_what_they_were_taken_on(tmp_path: Path) -> None:
    """Interpreter and versions stand beside the raw figures."""
    found = Figures("ours", 1, 1.0, 10.0, 9.0, 11.0, 12.0, 93_210.0, 250.4)
    file = results.write("try", [found], [run(1.0, 10)], {"flink": "no JDK"}, tmp_path)
    document = json.loads(file.read_text())
    assert document["machine"]["python"] == sys.version.split()[0]
    assert Path(document["machine"]["python_interpreter"]).samefile(sys.executable)
    assert document["runs"][0]["usage"]["user"] == 1.0
    assert document["skipped"] == {"flink": "no JDK"}


def test_the_picture_has_a_bar_each() -> None:
    """What is in it is escaped."""
    drawn = picture("a < b", [Bar("ours", 5.0, 4.0, 6.0, "5.0", ours=True)] * 3)
    assert drawn.count("<rect") == 4
    assert "a &lt; b" in drawn


def test_what_commands_take_is_added_up(tmp_path: Path) -> None:
    """CPU of all; the memory of the largest one, not that of the process that started it."""
    work = "import time\nwhile time.process_time() < 0.3: pass"
    command = (sys.executable, "-c", work)
    used = measure([command, command], os.environ, tmp_path)
    assert 0.6 <= used.cpu < 2
    assert 5 < used.megabytes < 60


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    """By the last lines that it printed."""
    with pytest.raises(CommandFailedError, match="status 3: what went wrong"):
        measure([(sys.executable, "-c", "print('what went wrong'); exit(3)")], os.environ, tmp_path)


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """And counts as failed."""
    with pytest.raises(CommandFailedError, match="status -9"):
        measure([(sys.executable, "-c", "while True: pass")], os.environ, tmp_path, seconds=0.5)


def test_contenders_have_names_of_their_own() -> None:
    """By them they are chosen, and found in the results."""
    names = [contender.name for contender in CONTENDERS]
    assert len(set(names)) == len(names)


def test_one_by_one_is_the_same(feed: Feed) -> None:
    """What the contenders with an item a message share passes the checks, in parts and pickled."""
    minutes: defaultdict[int, list[Minute]] = defaultdict(lambda: [Minute(), Minute()])
    values, whole = [], {}
    for number in range(RECORDS):
        login = process(feed.value(number), EPOCH * 1_000)
        assert login is not None
        values.append(to_json(login))
        minutes[login.timestamp // 60 * 60][number % 2].add(login)
    check_logins(feed, values)
    for start, (one, other) in minutes.items():
        restored: Minute = pickle.loads(pickle.dumps(one))  # noqa: S301  # our own
        whole[start] = restored.merge(other)
    check_windows(feed, [minute.record(start) for start, minute in whole.items()])


def test_what_is_no_login_is_left_out() -> None:
    """As the flow would reject it."""
    assert process(b"{}", EPOCH * 1_000) is None
    assert process(b'{"user_id":"u","timestamp":"x"}', EPOCH * 1_000) is None


def test_percentiles_of_latency() -> None:
    """Half, 99 in 100, and the longest."""
    found = summary([float(number) for number in range(1_000, 0, -1)], 0.1)
    assert (found.count, found.p50, found.p99, found.longest) == (1_000, 501.0, 991.0, 1_000.0)
