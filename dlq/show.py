"""`show`: how many dead letters there are for each reason, with examples that give nothing away."""

import argparse
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Event

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dlq.dead_letter import DeadLetter
from dlq.markers import ReplayedLetters
from dlq.masking import excerpt, shown_detail, shown_reason
from dlq.output import put
from dlq.reading import open_reader, read_replayed, read_selected
from dlq.topics import DeadLetterTopic
from settings import Settings

__all__ = ["Example", "ReasonSummary", "Summary", "as_lines", "show", "summarise"]

MOST_REASONS = (
    50  # the flow has ten; other programs that write to the topic could invent any number
)
OTHER_REASONS = "(others)"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = 253_402_300_800_000  # ms: the year 10000


class Example(msgspec.Struct, frozen=True):
    """A dead letter, with nothing of its key, its headers or its value; sizes are in bytes."""

    partition: int
    offset: int
    input_partition: int | None  # None, as the next two, where no header says so
    input_offset: int | None
    time: str | None  # of the original record, ISO 8601 in UTC
    key_bytes: int | None  # None: no key
    value_bytes: int | None
    headers: int  # how many original ones
    truncated: list[str]  # what was left out to fit the broker's limit
    detail: str
    excerpt: str | None  # the shape of the value's beginning


class ReasonSummary(msgspec.Struct):
    """The dead letters with one reason: how many, how many of them were replayed, and examples."""

    count: int = 0
    replayed: int = 0
    examples: list[Example] = []


class Summary(msgspec.Struct):
    """What `show` prints: the selected dead letters, the commonest reason first."""

    topic: str
    complete: bool = True  # False when it was stopped before the end
    count: int = 0
    replayed: int = 0
    reasons: dict[str, ReasonSummary] = {}


def show(
    options: argparse.Namespace, settings: Settings, source: DeadLetterTopic, draining: Event
) -> None:
    """Print a summary of the selected dead letters.

    Raises:
        CommandError: the topics can't be read.
    """
    with open_reader(settings, draining) as reader:
        replayed = read_replayed(reader, source)
        with closing(read_selected(reader, source, options.selection)) as letters:
            summary = summarise(source.name, letters, replayed, options.examples)
    summary.complete = not draining.is_set()
    if options.json:
        put(msgspec.json.format(msgspec.json.encode(summary)).decode())
    elif sys.stdout.isatty():
        console = Console(file=sys.stdout)
        with console.capture() as capture:  # its own print ends the process on a broken pipe
            console.print(_as_table(summary))
        put(capture.get())
    else:
        put("\n".join(as_lines(summary)))


def summarise(
    topic: str, letters: Iterable[DeadLetter], replayed: ReplayedLetters, examples: int
) -> Summary:
    """Count dead letters by reason, and keep the first few of each that weren't replayed."""
    summary = Summary(topic)
    for letter in letters:
        reason = shown_reason(letter.reason)
        if reason not in summary.reasons and len(summary.reasons) >= MOST_REASONS:
            reason = OTHER_REASONS
        counted = summary.reasons.setdefault(reason, ReasonSummary())
        was_replayed = letter in replayed
        for part in (summary, counted):
            part.count += 1
            part.replayed += was_replayed
        if not was_replayed and len(counted.examples) < examples:
            counted.examples.append(_example(letter))
    ranked = sorted(summary.reasons.items(), key=lambda item: (-item[1].count, item[0]))
    summary.reasons = dict(ranked)
    return summary


def as_lines(summary: Summary) -> list[str]:
    """Return a summary as lines; an example takes two, the second is the excerpt."""
    lines = [_headline(summary)]
    for reason, counted in summary.reasons.items():
        share = counted.count / summary.count
        lines.append(f"{reason} {counted.count} ({share:.1%}), {counted.replayed} replayed")
        lines += _example_lines(counted)
    return lines


def _as_table(summary: Summary) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    table.add_column("Reason")
    for name in ("count", "share", "replayed"):
        table.add_column(name, justify="right")
    examples = []
    for reason, counted in summary.reasons.items():
        share = f"{counted.count / summary.count:.1%}"
        table.add_row(Text(reason), f"{counted.count:,}", share, f"{counted.replayed:,}")
        if counted.examples:
            examples.append(Text("\n".join(["", reason, *_example_lines(counted)])))
    return Group(Text(_headline(summary), style="bold"), table, *examples)


def _headline(summary: Summary) -> str:
    early = "" if summary.complete else "; stopped early, there may be more"
    return f"{summary.topic}: {summary.count} dead letters, {summary.replayed} replayed{early}"


def _example_lines(counted: ReasonSummary) -> list[str]:
    lines = []
    for example in counted.examples:
        lines.append(f"  {_described(example)}: {example.detail}")
        if example.excerpt is not None:
            lines.append(f"    {example.excerpt}")
    return lines


def _described(example: Example) -> str:
    parts = [f"partition {example.partition} offset {example.offset}"]
    if example.input_offset is not None:
        parts.append(f"was {example.input_partition}/{example.input_offset}")
    parts += [example.time] if example.time else []
    for name, size in (("key", example.key_bytes), ("value", example.value_bytes)):
        parts.append(f"no {name}" if size is None else f"{name} {size:,} B")
    parts += [f"{example.headers} headers"] if example.headers else []
    parts += [f"truncated {' and '.join(example.truncated)}"] if example.truncated else []
    return ", ".join(parts)


def _example(letter: DeadLetter) -> Example:
    known = letter.input_topic != ""
    return Example(
        partition=letter.partition,
        offset=letter.offset,
        input_partition=letter.input_partition if known else None,
        input_offset=letter.input_offset if known else None,
        time=_iso(letter.timestamp),
        key_bytes=None if letter.key is None else len(letter.key),
        value_bytes=None if letter.value is None else len(letter.value),
        headers=len(letter.headers),
        truncated=sorted(letter.truncated & {"headers", "key", "value"}),
        detail=shown_detail(letter.detail),
        excerpt=None if letter.value is None else excerpt(letter.value),
    )


def _iso(timestamp: int) -> str | None:
    """Return a time as text; None where there is none, or none with a year of four digits."""
    if not 0 <= timestamp < END_OF_TIME:
        return None
    time = EPOCH + timedelta(milliseconds=timestamp)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
