"""The command line of `python -m dlq`."""

import pytest

from dlq.options import parse

MOMENT = 1_720_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "1720000000",
        "1720000000.0",
        "2024-07-03T09:46:40Z",
        "2024-07-03T09:46:40",
        "2024-07-03 11:46:40+02:00",
        "20240703T094640Z",
    ],
)
def test_a_time_is_iso_8601_or_epoch_seconds(text: str) -> None:
    """All of these mean the same; without a zone it is UTC."""
    assert parse(["show", "--since", text]).since == MOMENT


def test_offsets_are_ranges_of_a_partition() -> None:
    """Both ends are included; an open end and a single offset can be said too."""
    options = parse(["replay", "--offsets", "0:17-20", "--offsets", "1:5-", "--offsets", "2:7"])
    assert options.selection.offsets == (
        (0, range(17, 21)),
        (1, range(5, 2**63 + 1)),
        (2, range(7, 8)),
    )


def test_times_are_a_range_without_its_end() -> None:
    """Each end may be left open; with neither of them, records of unknown time are selected too."""
    since, until = ("--since", "1720000000"), ("--until", "1720000001")
    assert parse(["show", *since, *until]).selection.times == range(MOMENT, MOMENT + 1_000)
    assert MOMENT + 10**18 in parse(["show", *since]).selection.times
    assert -1 in parse(["show", *until]).selection.times
    assert parse(["show"]).selection.times is None


def test_reasons_can_be_several() -> None:
    """Each --reason adds one."""
    options = parse(["show", "--reason", "not_json", "--reason", "tombstone"])
    assert options.selection.reasons == {"not_json", "tombstone"}


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ([], "required"),
        (["list"], "invalid choice"),
        (["show", "--reason", "not_jsno"], "invalid choice: 'not_jsno'"),
        (["show", "--examples", "-1"], "a number from 0 to 100"),
        (["show", "--examples", "101"], "a number from 0 to 100"),
        (["show", "--dry-run"], "unrecognized arguments"),
        (["replay", "--json"], "unrecognized arguments"),
        (["replay", "--since", "yesterday"], "a time like"),
        (["replay", "--since", "1720000000000"], "give seconds, not ms"),
        (["replay", "--since", "1720000000", "--until", "1720000000"], "before --until"),
        (["replay", "--offsets", "17-20"], "PARTITION:FIRST-LAST"),
        (["replay", "--offsets", "0:20-17"], "before the first"),
        (["replay", "--offsets", "0:\N{ARABIC-INDIC DIGIT ONE}"], "PARTITION:FIRST-LAST"),
    ],
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It exits with 2 and says what is wrong."""
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("dlq: ")
    assert wrong in line
