"""`replay`: sends selected letters back into the input topic, each once however often it is run."""

import argparse
from collections import Counter
from dataclasses import dataclass, field
from threading import Event

from connectors.connection import Connection
from dlq.errors import CommandError
from dlq.fates import Fate, Judge, Outgoing
from dlq.letters import Letter
from dlq.marks import Replayed
from dlq.masking import shown_reason
from dlq.options import selection
from dlq.output import progress_bar, put, say
from dlq.reading import CommittedReader, read_letters, read_marks, spans
from dlq.repair import Repair
from dlq.topics import InputTopic, LetterTopic, marks_topic
from dlq.writing import TransactionalReplay
from settings import Settings

__all__ = ["Outcome", "closing_line", "replay"]

LARGEST_BATCH_BYTES = 4 * 1024 * 1024  # of letters in memory; BATCH_SIZE is the other limit
MOST_NOTES = 20  # lines about single letters; the others are counted
LEFT = tuple(fate for fate in Fate if fate not in {Fate.REPLAYED, Fate.REPLAYED_BEFORE})


@dataclass
class Outcome:
    """What a run did, or with `--dry-run` would do.

    Attributes:
        fates: selected letters by fate; replayed ones once they are committed.
        reasons: those replayed, by reason.
        places: those replayed, by partition of the dead-letter topic: count, first, last offset.
        without_headers: those replayed without their original headers, which didn't fit.
        unselected: letters that were read and not meant.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    places: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    without_headers: int = 0
    unselected: int = 0

    def add_replayed(self, letter: Letter) -> None:
        """Count a letter that was sent back."""
        self.fates[Fate.REPLAYED] += 1
        self.reasons[shown_reason(letter.reason)] += 1
        self.without_headers += "headers" in letter.truncated
        count, first, _ = self.places.get(letter.partition, (0, letter.offset, 0))
        self.places[letter.partition] = (count + 1, first, letter.offset)


class _Batch:
    """Letters that are to be one transaction; with no writer they are only counted."""

    def __init__(
        self, writer: TransactionalReplay | None, replayed: Replayed, outcome: Outcome, most: int
    ) -> None:
        self._writer = writer
        self._replayed = replayed
        self._outcome = outcome
        self._most = most
        self._letters: list[Letter] = []
        self._records: list[Outgoing] = []
        self._bytes = 0

    def add(self, letter: Letter, record: Outgoing) -> None:
        """Take a letter, and write the batch when it is full."""
        self._letters.append(letter)
        self._records.append(record)
        self._bytes += record.size
        if len(self._letters) >= self._most or self._bytes >= LARGEST_BATCH_BYTES:
            self.write()

    def write(self) -> None:
        """Write what was taken, and count it once it is committed."""
        if self._writer is not None and self._letters:
            for letter in self._letters:
                self._replayed.add(letter)
            self._writer.write(self._records, list(self._replayed.take_changes()))
        for letter in self._letters:
            self._outcome.add_replayed(letter)
        self._letters, self._records, self._bytes = [], [], 0


def replay(
    options: argparse.Namespace,
    repair: Repair | None,
    settings: Settings,
    source: LetterTopic,
    target: InputTopic,
    draining: Event,
) -> None:
    """Send the letters back that the options mean, and say how many; SIGINT and SIGTERM end it.

    1. Fence any other replay, and end what it left open.
    2. Read the marks: only now can no one else write any.
    3. Read the letters up to their end as of now, and write those that have no mark.

    Raises:
        CommandError: it can't go on. The text ends with how many were replayed.
    """
    writer = None if options.dry_run else TransactionalReplay(settings, target)
    judge = Judge(target.name, target.partitions, target.limit, repair)
    outcome = Outcome()
    replayed = Replayed(source.name, source.id)
    batch = _Batch(writer, replayed, outcome, settings.batch_size)
    with CommittedReader(Connection(settings), draining) as reader:
        if writer is not None or source.has_marks:
            read_marks(reader, marks_topic(settings), replayed)
        try:
            _replay_all(options, reader, source, judge, replayed, batch, outcome)
        except CommandError as error:
            raise CommandError(f"{error}; {outcome.fates[Fate.REPLAYED]} were replayed") from None
    if writer is not None:
        writer.close()
    _conclude(options, outcome, target.name, stopped=draining.is_set())


def _replay_all(
    options: argparse.Namespace,
    reader: CommittedReader,
    source: LetterTopic,
    judge: Judge,
    replayed: Replayed,
    batch: _Batch,
    outcome: Outcome,
) -> None:
    meant = selection(options)
    parts = spans(reader, source.name, source.partitions, meant)
    with progress_bar(sum(end - begin.offset for begin, end in parts)) as show:
        for letter in read_letters(reader, parts, show):
            if not meant.takes(letter):
                outcome.unselected += 1
            elif letter in replayed:
                outcome.fates[Fate.REPLAYED_BEFORE] += 1
            else:
                _decide(letter, judge, batch, outcome)
        batch.write()


def _decide(letter: Letter, judge: Judge, batch: _Batch, outcome: Outcome) -> None:
    verdict = judge.judge(letter)
    if verdict.outgoing is not None:
        batch.add(letter, verdict.outgoing)
        return
    outcome.fates[verdict.fate] += 1
    if verdict.note and (count := outcome.fates[verdict.fate]) <= MOST_NOTES:
        more = "; more such are only counted" if count == MOST_NOTES else ""
        say(f"partition {letter.partition}, offset {letter.offset}: repair: {verdict.note}{more}")


def closing_line(outcome: Outcome, topic: str, *, dry_run: bool) -> str:
    """Return one line with what became of all the letters."""
    done = f"would be replayed into {topic}" if dry_run else f"replayed into {topic}"
    left = [f"{outcome.fates[fate]} {fate}" for fate in LEFT if outcome.fates[fate]]
    total = sum(outcome.fates[fate] for fate in LEFT)
    return (
        f"{outcome.fates[Fate.REPLAYED]} {done}, "
        f"{outcome.fates[Fate.REPLAYED_BEFORE]} {Fate.REPLAYED_BEFORE}, "
        f"{total} left" + (f" ({', '.join(left)})" if left else "")
    )


def _conclude(options: argparse.Namespace, outcome: Outcome, topic: str, *, stopped: bool) -> None:
    if options.dry_run:
        for reason, count in sorted(outcome.reasons.items()):
            put(f"would replay {reason}: {count}")
        for partition, (count, first, last) in sorted(outcome.places.items()):
            put(f"would replay partition {partition}: {count}, offsets {first} to {last}")
    if outcome.without_headers:
        put(f"dlq: {outcome.without_headers} of them without original headers, which didn't fit")
    line = closing_line(outcome, topic, dry_run=options.dry_run)
    put(f"dlq: {line}{'; stopped early: run it again to go on' if stopped else ''}")
