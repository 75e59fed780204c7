import pickle
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from models import ProcessedLogin
from operators.batches import Reason
from operators.event_time import Windowing
from operators.lateness import LatenessLogic
from operators.report import (
    Report,
    ReportLogic,
    Share,
    Tally,
    Totals,
    late_tally,
    make_report,
    tally,
    top,
)
from operators.report_text import as_lines, as_table, harmless
from operators.state import StateFormatError
from operators.stats import LoginStats
from operators.summarise import summarise
from operators.windows import WindowResults
from tests.support.batches import at, login_batch

HOSTILE = ["[red]x", "\x1b[31mred", "a\nreport: 9 logins", "\u202eabc", "tab\there", "[/]", "é€"]


class FakeClock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock at some time."""
    return FakeClock()


def login(user: str = "user", locale: str = "CA") -> ProcessedLogin:
    """One login; what the tests don't vary is always the same."""
    return ProcessedLogin(user, "device", "iOS", "2.3.0", "current", locale, None, 0, "", "", ())


def counted(logins: int, rejects: dict[str, int] | None = None, late: int = 0) -> Tally:
    """A batch of logins of different users."""
    stats = LoginStats()
    stats.add([login(f"user {n}") for n in range(logins)])
    return Tally((stats,), rejects or {}, late)


def totals_of(*locales: str, rejects: dict[str, int] | None = None, late: int = 0) -> Totals:
    """The totals of a login for each locale."""
    stats = LoginStats()
    stats.add([login(locale=locale) for locale in locales])
    totals = Totals()
    totals.add(Tally((stats,), rejects or {}, late))
    return totals


def report_of(
    *locales: str, rejects: dict[str, int] | None = None, late: int = 0, final: bool = False
) -> Report:
    """A report of a login for each locale."""
    return make_report(totals_of(*locales, rejects=rejects, late=late), 1_234.4, final=final)


def table_text(report: Report, columns: int = 80) -> str:
    """The table as a terminal without colours shows it."""
    out = StringIO()
    Console(file=out, width=columns).print(as_table(report))
    return out.getvalue()


def test_report_is_due_each_time_another_hundred_records_were_seen(clock: FakeClock) -> None:
    """Not before, and once for a batch that passes several hundreds."""
    logic = ReportLogic(100, clock=clock)
    emitted = []
    for size in (99, 1, 99, 250):
        emitted.append([report.logins for report in logic.on_batch([counted(size)])[0]])
        clock.seconds += 5
    assert emitted == [[], [100], [], [449]]


def test_dead_letters_count_towards_the_next_report(clock: FakeClock) -> None:
    """A producer that sends only invalid records shows in the report, too."""
    reports, _ = ReportLogic(100, clock=clock).on_batch([counted(0, {"not_json": 100})])
    assert reports[0].dead_letters == 100
    assert reports[0].reasons == (Share("not_json", 100, 1.0),)


def test_reports_are_at_least_a_second_apart_and_the_last_numbers_follow(
    clock: FakeClock,
) -> None:
    """What comes too early is shown by a notification when the second is over, and only once."""
    logic = ReportLogic(100, clock=clock)
    assert len(logic.on_batch([counted(100)])[0]) == 1
    assert logic.notify_at() is None
    clock.seconds += 0.4
    assert logic.on_batch([counted(100)])[0] == []
    wait = logic.notify_at() - datetime.now(UTC)  # type: ignore[operator]
    assert timedelta(seconds=0.5) < wait <= timedelta(seconds=0.6)
    clock.seconds += 0.5
    assert logic.on_notify()[0] == []
    clock.seconds += 0.1
    assert [report.logins for report in logic.on_notify()[0]] == [200]
    assert logic.notify_at() is None
    assert logic.on_notify()[0] == []


def test_late_logins_are_logins_too() -> None:
    """All figures include them; only their windows don't."""
    windowing = Windowing(seconds=60, lateness=10)
    logic = LatenessLogic[LoginStats](windowing)
    batches = [login_batch(at(500, 1, 499)), login_batch(at(2, 3, 500), Reason.NOT_JSON)]
    judged, _ = logic.on_batch([summarise(batch, windowing) for batch in batches])
    totals = Totals()
    for summary in judged:
        totals.add(tally(summary))
    report = make_report(totals, None, final=True)
    assert (report.logins, report.unique_users, report.dead_letters) == (6, 5, 1)
    assert report.late == Share("late logins", 3, 0.5)


def test_login_that_idleness_made_late_is_in_the_totals_once() -> None:
    """It was counted as a login before it turned out to be late."""
    totals = totals_of("CA", "CA")
    totals.add(late_tally(WindowResults(late=1)))
    assert make_report(totals, None, final=True).late == Share("late logins", 1, 0.5)
    assert totals.stats.logins == 2


def test_empty_tally_does_not_start_the_rate_s_time(clock: FakeClock) -> None:
    """An idle partition reports that before any login has come."""
    logic = ReportLogic(100, clock=clock)
    logic.on_batch([counted(0)])
    clock.seconds += 60
    logic.on_batch([counted(50)])
    clock.seconds += 1
    ((report,), _) = logic.on_batch([counted(50)])
    assert report.logins_per_second == 50.0


def test_rate_is_since_the_previous_report(clock: FakeClock) -> None:
    """Logins per second of the clock; the very first report has no rate."""
    logic = ReportLogic(100, clock=clock)
    (first,), _ = logic.on_batch([counted(100)])
    clock.seconds += 2
    (second,), _ = logic.on_batch([counted(300)])
    clock.seconds += 4
    (third,), _ = logic.on_batch([counted(100)])
    rates = [report.logins_per_second for report in (first, second, third)]
    assert rates == [None, 150.0, 25.0]


def test_final_report_has_the_rate_of_the_whole_run(clock: FakeClock) -> None:
    """The moment since the previous report would say little."""
    logic = ReportLogic(100, clock=clock)
    for _ in range(5):
        logic.on_batch([counted(100)])
        clock.seconds += 1
    (final,), _ = logic.on_eof()
    assert final.final
    assert final.logins_per_second == 400 / 5


def test_final_report_comes_even_when_nothing_changed(clock: FakeClock) -> None:
    """The end of the input is always reported, and nothing is left to be notified of."""
    logic = ReportLogic(100, clock=clock)
    logic.on_batch([counted(100)])
    logic.on_batch([counted(100)])
    reports, discard = logic.on_eof()
    assert [(report.logins, report.final) for report in reports] == [(200, True)]
    assert not discard
    assert logic.notify_at() is None


def test_state_is_kept_by_every_call(clock: FakeClock) -> None:
    """A discarded logic would lose the totals."""
    logic = ReportLogic(1, clock=clock)
    assert not logic.on_batch([counted(1)])[1]
    assert not logic.on_notify()[1]


def test_totals_continue_after_a_restart(clock: FakeClock) -> None:
    """Everything but the rate comes from the state, and a restart alone is no reason to report."""
    before = ReportLogic(100, clock=clock)
    before.on_batch([counted(150, {"not_json": 2}, late=5)])
    state = pickle.loads(pickle.dumps(before.snapshot()))  # noqa: S301 - our own
    logic = ReportLogic(100, state, clock)
    assert logic.notify_at() is None
    assert logic.on_batch([counted(1)])[0] == []
    clock.seconds += 1
    ((report,), _) = logic.on_batch([counted(60, {"not_json": 1})])
    assert (report.logins, report.dead_letters, report.unique_users) == (211, 3, 150)
    assert report.late.count == 5
    assert report.logins_per_second == 60.0


def test_snapshot_does_not_change_with_later_batches(clock: FakeClock) -> None:
    """The engine pickles it later than it asks for it."""
    logic = ReportLogic(100, clock=clock)
    logic.on_batch([counted(10, {"not_json": 1})])
    snapshot = logic.snapshot()
    pickled = pickle.dumps(snapshot)
    logic.on_batch([counted(10, {"not_json": 1})])
    assert pickle.dumps(snapshot) == pickled


def test_snapshot_holds_plain_values_only(clock: FakeClock) -> None:
    """No class of this project is named in the store: moving one breaks no restart."""
    logic = ReportLogic(100, clock=clock)
    logic.on_batch([counted(10, {"not_json": 1})])
    assert b"operators" not in pickle.dumps(logic.snapshot())


@pytest.mark.parametrize("state", [(1, (), {}), (2, (9, 0, b"", ()), {}, 0), "old"])
def test_state_of_another_format_is_refused(state: object) -> None:
    """The report's own format and that of its totals are both checked."""
    with pytest.raises(StateFormatError, match="new recovery folder"):
        ReportLogic(100, state)  # type: ignore[arg-type]


def test_top_lists_the_most_frequent_and_the_rest_as_other() -> None:
    """Ties are sorted by name; `other` comes last, whatever its count, and doesn't count."""
    counts = {"other": 50, "b": 5, "a": 5, "c": 9, "d": 1}
    assert [(share.name, share.count) for share in top(counts, 70, 3)] == [
        ("c", 9),
        ("a", 5),
        ("b", 5),
        ("other", 51),
    ]
    assert [share.name for share in top(counts, 70)] == ["c", "a", "b", "d", "other"]


def test_shares_are_of_logins_and_for_dead_letters_of_records() -> None:
    """A dead letter is not a login, so its share is of everything that was read."""
    report = report_of("CA", "CA", "NY", rejects={"not_json": 1})
    assert report.locales == (Share("CA", 2, 2 / 3), Share("NY", 1, 1 / 3))
    assert report.reasons == (Share("not_json", 1, 0.25),)


def test_report_of_nothing_is_not_an_error() -> None:
    """Without logins there are no shares."""
    empty = make_report(Totals(), None, final=True)
    assert as_lines(empty)[0] == (
        "final report: 0 logins, - per second, 0 unique users, 0 dead letters, 0 late logins"
    )
    assert as_lines(empty)[-1] == "final report: dead letters: none"
    assert "none" in table_text(empty)


def test_lines_hold_every_figure_and_can_be_searched_for() -> None:
    """One line per subject, each with the same word at its start."""
    lines = as_lines(report_of(*["CA"] * 2_499, "a, b", rejects={"not_json": 3}, late=5))
    assert lines == [
        "report: 2,500 logins, 1,234 per second, 1 unique users, 3 dead letters, "
        "5 (0.2%) late logins",
        "report: device types: iOS 2,500 (100.0%)",
        "report: app versions: 2.3.0 2,500 (100.0%)",
        "report: version categories: current 2,500 (100.0%)",
        'report: top locales: CA 2,499 (100.0%), "a, b" 1 (<0.1%)',
        "report: data quality: none",
        "report: dead letters: not_json 3 (0.1%)",
    ]


def test_table_holds_every_section_within_80_columns() -> None:
    """Long values end in an ellipsis, numbers are never cut."""
    totals = totals_of("x" * 64, rejects={"timestamp_in_future": 1}, late=12_345_678)
    totals.stats.logins = 123_456_789
    text = table_text(make_report(totals, 1.0, final=False))
    assert max(len(line) for line in text.splitlines()) == 80
    for expected in (
        *("Device types", "App versions", "Version categories", "Top locales", "Data quality"),
        *("12,345,678", "(10.0%)", "late logins"),
        *("Dead letters", "123,456,789", "timestamp_in_future", "unique users", "xxx…"),
    ):
        assert expected in text


def test_largest_counts_fit_the_table() -> None:
    """Hundreds of millions of logins of one kind are shown whole."""
    report = report_of("CA")
    big = Share("unrecognised_device_type", 987_654_321, 1.0)
    text = table_text(
        Report(
            10**9,
            1.0,
            1,
            0,
            report.late,
            (big,),
            (big,),
            (big,),
            (big,),
            (big,),
            (big,),
            report.final,
        )
    )
    assert text.count("987,654,321") == 6
    assert text.count("100.0%") == 6


@pytest.mark.parametrize("value", HOSTILE)
def test_values_from_outside_stay_harmless_text(value: str) -> None:
    """No escape sequence, no line break, no markup gets through to the screen."""
    report = report_of(value, rejects={value: 1})
    lines = as_lines(report)
    assert len(lines) == 7
    assert all(line.isprintable() for line in lines)
    text = table_text(report)
    assert all(line.isprintable() for line in text.splitlines())
    assert harmless(value) in text
    assert not any(line.startswith("report: 9") for line in lines)


def test_escapes_are_shown() -> None:
    """A reader sees what was there instead of what it would have done."""
    assert harmless("\x1b[1m\n\u202e😀 é") == "\\x1b[1m\\n\\u202e😀 é"


def test_styled_table_holds_no_escape_sequence_of_a_value() -> None:
    """Only the table sets colours: a value can't, even where colours are shown."""
    out = StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="truecolor")
    console.print(as_table(report_of("\x1b[31mred", "[blink]b")))
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b[5m" not in out.getvalue()
    assert "[blink]b" in out.getvalue()
