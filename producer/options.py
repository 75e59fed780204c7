"""The options of `python -m producer`, and what each allows."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

__all__ = ["DEFAULT_RATE", "parse"]

DEFAULT_RATE = 50.0  # a report every two seconds, and windows of 3,000 logins
LAST_START = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second a login can have


class _Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"producer: {message} (--help lists the options)\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options, or say in one line what is wrong and exit with status 2."""
    parser = _Parser(
        prog="python -m producer",
        description="Send sample logins, hostile messages or the lines of a file to INPUT_TOPIC.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=DEFAULT_RATE,
        metavar="N",
        help="messages a second, evenly; 0: as fast as it goes (default: %(default)g)",
    )
    parser.add_argument(
        "--count", type=_positive, metavar="N", help="stop after N messages (default: endless)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the same messages each time, but for timestamps"
    )
    parser.add_argument(
        "--start-at",
        type=_epoch,
        metavar="EPOCH",
        help="event time starts here and goes on with the rate, whenever it is sent",
    )
    parser.add_argument(
        "--history",
        type=_positive,
        metavar="SECONDS",
        help="first send this much of the past at once, from the topic's newest record on if that "
        "is younger, with a password spray in it",
    )
    parser.add_argument(
        "--bad-ratio",
        type=_ratio,
        default=0.0,
        metavar="R",
        help="this part of the messages is hostile, 0 to 1 (default: 0)",
    )
    parser.add_argument(
        "--file", type=Path, metavar="PATH", help="send the lines of this file instead"
    )
    parser.add_argument(
        "--partitions",
        type=_positive,
        default=4,
        metavar="N",
        help="of the topic, if it has to be made (default: 4)",
    )
    parser.add_argument(
        "--replication-factor",
        type=_positive,
        default=1,
        metavar="N",
        help="of the topic, if it has to be made (default: 1)",
    )
    options = parser.parse_args(arguments)
    _check_history(parser, options)
    _check_file(parser, options)
    return options


def _check_history(parser: _Parser, options: argparse.Namespace) -> None:
    if options.history is None:
        return
    if options.file or options.start_at is not None:
        parser.error("--history is for made-up logins up to now, not for --file or --start-at")
    if not options.rate:
        parser.error("--history needs a --rate above 0")


def _check_file(parser: _Parser, options: argparse.Namespace) -> None:
    if options.file is None:
        return
    if options.bad_ratio or options.start_at is not None:
        parser.error("--bad-ratio and --start-at are for made-up logins, not for --file")
    try:
        options.file.open("rb").close()
    except OSError as error:
        parser.error(f"--file {options.file}: {error.strerror}")


def _number(text: str, allowed: Callable[[float], bool], description: str) -> float:
    """Read a finite number, or raise an error that says what is allowed."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not allowed(number):
        raise argparse.ArgumentTypeError(f"{text!r} should be {description}")
    return number


def _rate(text: str) -> float:
    return _number(text, lambda rate: rate >= 0, "a number from 0")


def _ratio(text: str) -> float:
    return _number(text, lambda ratio: 0 <= ratio <= 1, "a number from 0 to 1")


def _whole(text: str, lowest: int, highest: int) -> int:
    description = f"a whole number from {lowest}"
    return int(_number(text, lambda n: n == int(n) and lowest <= n <= highest, description))


def _positive(text: str) -> int:
    return _whole(text, 1, 2**53)


def _epoch(text: str) -> int:
    return _whole(text, 0, LAST_START)
