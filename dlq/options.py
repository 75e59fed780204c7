"""The options of `python -m dlq`, and what each allows."""

import argparse
import re
from datetime import UTC, datetime
from typing import NoReturn

from dlq.selection import Selection
from operators.batches import Reason

__all__ = ["parse"]

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
LARGEST = 2**63  # behind every offset and timestamp
MOST_EXAMPLES = 100
_epoch = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_range = re.compile(r"(\d{1,9}):(\d{1,18})(?:(-)(\d{1,18})?)?", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dlq: {message} (--help lists the options)\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options, or say in one line what is wrong and exit with status 2.

    The dead letters that they select are `selection`.
    """
    parser = _Parser(
        prog="python -m dlq",
        description="Look at dead letters, or send them back into INPUT_TOPIC.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="show|replay")
    _add_show(commands)
    _add_replay(commands)
    options = parser.parse_args(arguments)
    if None not in (options.since, options.until) and options.since >= options.until:
        parser.error("--since should be before --until")
    options.selection = _selection(options)
    return options


def _selection(options: argparse.Namespace) -> Selection:
    times = None
    if (options.since, options.until) != (None, None):
        since = -LARGEST if options.since is None else options.since
        times = range(since, LARGEST if options.until is None else options.until)
    return Selection(frozenset(options.reason), times, tuple(options.offsets))


def _add_show(commands: "argparse._SubParsersAction[_Parser]") -> None:
    show = commands.add_parser(
        "show", help="counts by reason, and examples without anything personal", allow_abbrev=False
    )
    _add_selection(show)
    show.add_argument(
        "--examples",
        type=_examples,
        default=3,
        metavar="N",
        help=f"of each reason, 0 to {MOST_EXAMPLES}: the first not replayed (default: %(default)s)",
    )
    show.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _add_replay(commands: "argparse._SubParsersAction[_Parser]") -> None:
    replay = commands.add_parser(
        "replay", help="send dead letters back into INPUT_TOPIC, each once", allow_abbrev=False
    )
    _add_selection(replay)
    replay.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
    replay.add_argument(
        "--repair",
        metavar="MODULE:FUNCTION",
        help="called with a dead letter's value (bytes or None) and reason: returns the bytes to "
        "send, or None to leave it",
    )


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason",
        action="append",
        default=[],
        choices=[str(reason) for reason in Reason],
        metavar="REASON",
        help="only dead letters with this reason; may be given several times",
    )
    times = "time of the original record: ISO 8601 (UTC unless it says otherwise) or epoch seconds"
    parser.add_argument("--since", type=_time, metavar="TIME", help=f"from this on; {times}")
    parser.add_argument("--until", type=_time, metavar="TIME", help="before this; as --since")
    parser.add_argument(
        "--offsets",
        action="append",
        default=[],
        type=_offsets,
        metavar="PARTITION:FIRST-LAST",
        help="only these offsets of the dead-letter topic, both included (0:17-20, 0:17-, 0:17); "
        "may be given several times",
    )


def _examples(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > MOST_EXAMPLES:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 0 to {MOST_EXAMPLES}")
    return int(text)


def _time(text: str) -> int:
    """Return ms since the epoch."""
    if text.isascii() and text.isdigit() and int(text[:20]) > LAST_SECOND:
        raise argparse.ArgumentTypeError(f"{text!r} is past the year 9999: give seconds, not ms")
    if _epoch.fullmatch(text):
        return round(float(text) * 1_000)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be a time like 2024-07-03T09:46:40Z, or seconds since 1970"
        ) from None
    # A naive timestamp() would be in this machine's zone, and can overflow.
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000)


def _offsets(text: str) -> tuple[int, range]:
    """Return a partition and its offsets."""
    found = _range.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} should be PARTITION:FIRST-LAST, like 0:17-20")
    partition, first = int(found[1]), int(found[2])
    last = int(found[4]) if found[4] else LARGEST if found[3] else first
    if last < first:
        raise argparse.ArgumentTypeError(f"{text!r}: the last offset is before the first")
    return partition, range(first, last + 1)
