"""`show`: how many dead letters there are for each reason, with examples that give nothing away."""

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from threading import Event

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connectors.connection import Connection
from dlq.letters import Letter
from dlq.marks import Replayed
from dlq.masking import excerpt, shown_detail, shown_reason
from dlq.options import selection
from dlq.output import on_terminal, progress_bar, put, rendered
from dlq.reading import CommittedReader, read_letters, read_marks, spans
from dlq.topics import LetterTopic, marks_topic
from settings import Settings

__all__ = ["Example", "ReasonSummary", "Summary", "as_lines", "show", "summarise"]

MOST_REASONS = 50  # the flow has ten; who else writes to the topic could make up any number
OTHER_REASONS = "(others)"
FIRST_YEAR = datetime(1970, 1, 1, tzinfo=UTC)


class Example(msgspec.Struct, frozen=True):
    """A dead letter, with nothing that stood in its key, its headers or its value.

    Attributes:
        partition: in the dead-letter topic.
        offset: there.
        input_partition: where the original stands; None where no header says so.
        input_offset: where the original stands there.
        time: the original record's own, ISO 8601 in UTC.
        key_bytes: the key's size; None: no key.
        value_bytes: the value's size; None: no value.
        headers: how many original headers there are.
        truncated: what was left out to fit the broker's limit.
        detail: why it is a dead letter.
        excerpt: the shape of the value's beginning; None: no value.
    """

    partition: int
    offset: int
    input_partition: int | None
    input_offset: int | None
    time: str | None
    key_bytes: int | None
    value_bytes: int | None
    headers: int
    truncated: list[str]
    detail: str
    excerpt: str | None


class ReasonSummary(msgspec.Struct):
    """The letters with one reason: how many, how many of them were replayed, and examples."""

    count: int = 0
    replayed: int = 0
    examples: list[Example] = []


class Summary(msgspec.Struct):
    """What `show` prints.

    Attributes:
        topic: the dead-letter topic.
        complete: False when it was stopped before the end.
        count: the letters that were meant.
        replayed: how many of them were sent back.
        reasons: the same by reason, the commonest first.
    """

    topic: str
    complete: bool = True
    count: int = 0
    replayed: int = 0
    reasons: dict[str, ReasonSummary] = {}


def show(
    options: argparse.Namespace, settings: Settings, source: LetterTopic, draining: Event
) -> None:
    """Print a summary of the letters that the options mean.

    Raises:
        CommandError: the topics can't be read.
    """
    meant = selection(options)
    replayed = Replayed(source.name, source.id)
    with CommittedReader(Connection(settings), draining) as reader:
        if source.has_marks:
            read_marks(reader, marks_topic(settings), replayed)
        parts = spans(reader, source.name, source.partitions, meant)
        with progress_bar(sum(end - begin.offset for begin, end in parts)) as bar:
            letters = filter(meant.takes, read_letters(reader, parts, bar))
            summary = summarise(source.name, letters, replayed, options.examples)
    summary.complete = not draining.is_set()
    if options.json:
        put(msgspec.json.format(msgspec.json.encode(summary)).decode())
    else:
        put(rendered(_as_table(summary)) if on_terminal() else "\n".join(as_lines(summary)))


def summarise(topic: str, letters: Iterable[Letter], replayed: Replayed, examples: int) -> Summary:
    """Count letters by reason, and keep the first few of each that weren't replayed."""
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
    for reason, counted in summary.reasons.items():
        share = f"{counted.count / summary.count:.1%}"
        table.add_row(Text(reason), f"{counted.count:,}", share, f"{counted.replayed:,}")
    examples = [
        Text(f"\n{reason}\n" + "\n".join(_example_lines(counted)))
        for reason, counted in summary.reasons.items()
        if counted.examples
    ]
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
    parts.append(_sized("key", example.key_bytes))
    parts.append(_sized("value", example.value_bytes))
    parts += [f"{example.headers} headers"] if example.headers else []
    parts += [f"truncated {' and '.join(example.truncated)}"] if example.truncated else []
    return ", ".join(parts)


def _sized(name: str, size: int | None) -> str:
    return f"no {name}" if size is None else f"{name} {size:,} B"


def _example(letter: Letter) -> Example:
    origin = letter.origin
    return Example(
        partition=letter.partition,
        offset=letter.offset,
        input_partition=origin.partition if origin else None,
        input_offset=origin.offset if origin else None,
        time=_iso(origin.timestamp) if origin else None,
        key_bytes=None if letter.key is None else len(letter.key),
        value_bytes=None if letter.value is None else len(letter.value),
        headers=len(letter.headers),
        truncated=sorted(letter.truncated & {"headers", "key", "value"}),
        detail=shown_detail(letter.detail),
        excerpt=None if letter.value is None else excerpt(letter.value),
    )


def _iso(timestamp: int) -> str | None:
    """Return a time as text; None where there is none, or none with a year of four digits."""
    try:
        time = FIRST_YEAR + timedelta(milliseconds=timestamp)
    except OverflowError:
        return None
    return (
        time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if timestamp >= 0 else None
    )
