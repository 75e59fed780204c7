"""`replay`: sends dead letters back into the input topic, each once however often it is run."""

import argparse
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import msgspec
from confluent_kafka import TopicPartition

from connectors.writers import TransactionalWriter, open_transactional_writer
from dlq.dead_letter import DeadLetter
from dlq.markers import ReplayedLetters
from dlq.masking import shown_reason
from dlq.output import CommandError, fail, put, say
from dlq.policy import RepairError, ReplayDecision, ReplayPolicy
from dlq.reading import open_reader, read_replayed, read_selected
from dlq.topics import DeadLetterTopic, InputTopic
from settings import Settings

__all__ = ["ReplayReport", "replay"]

LARGEST_BATCH_BYTES = 4 * 1024 * 1024  # of dead letters in memory; BATCH_SIZE is the other limit
MOST_NOTES = 20  # lines about single dead letters; the others are counted
DONE = (ReplayDecision.REPLAYED, ReplayDecision.REPLAYED_BEFORE)
LEFT = tuple(decision for decision in ReplayDecision if decision not in DONE)


@dataclass
class ReplayReport:
    """What a run did, or with `--dry-run` would do.

    Attributes:
        counts: dead letters by decision; replayed ones once they are committed.
        reasons: replayed dead letters by reason.
        offsets: of the replayed dead letters by partition: how many, the first, the last.
        without_headers: replayed dead letters whose original headers the flow left out.
    """

    counts: Counter[ReplayDecision] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    offsets: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    without_headers: int = 0

    def add_replayed(self, letter: DeadLetter) -> None:
        """Count a dead letter that was replayed."""
        self.counts[ReplayDecision.REPLAYED] += 1
        self.reasons[shown_reason(letter.reason)] += 1
        self.without_headers += "headers" in letter.truncated
        count, first, _ = self.offsets.get(letter.partition, (0, letter.offset, 0))
        self.offsets[letter.partition] = (count + 1, first, letter.offset)

    def lines(self, topic: str, *, dry_run: bool) -> list[str]:
        """Return what became of all dead letters; the last line has the counts."""
        lines = []
        if dry_run:
            lines = [f"would replay {reason}: {n}" for reason, n in sorted(self.reasons.items())]
            for partition, (n, first, last) in sorted(self.offsets.items()):
                lines.append(f"would replay partition {partition}: {n}, offsets {first} to {last}")
        if n := self.without_headers:
            lines.append(f"dlq: {n} of them without original headers, which didn't fit")
        replayed, before = (self.counts[decision] for decision in DONE)
        left = {decision: n for decision in LEFT if (n := self.counts[decision])}
        causes = ", ".join(f"{n} {decision}" for decision, n in left.items())
        done = "would be replayed" if dry_run else "replayed"
        line = f"dlq: {replayed} {done} into {topic}, {before} replayed before, "
        line += f"{sum(left.values())} left"
        return [*lines, f"{line} ({causes})" if causes else line]


@dataclass
class _Run:
    """Replays dead letters in batches; without a writer (`--dry-run`) it only counts them."""

    policy: ReplayPolicy
    replayed: ReplayedLetters
    markers: str
    writer: TransactionalWriter | None
    batch_size: int
    report: ReplayReport = field(default_factory=ReplayReport)
    batch: list[DeadLetter] = field(default_factory=list)
    batch_bytes: int = 0

    def take(self, letter: DeadLetter) -> None:
        """Decide about a selected dead letter, and write the batch when it is full."""
        if letter in self.replayed:
            self.report.counts[ReplayDecision.REPLAYED_BEFORE] += 1
            return
        try:
            decision, letter = self.policy.decide(letter)
        except RepairError as error:
            decision = ReplayDecision.REPAIR_FAILED
            self._say_why(letter, error)
        if decision is not ReplayDecision.REPLAYED:
            self.report.counts[decision] += 1
            return
        self.batch.append(letter)
        self.batch_bytes += letter.size
        if len(self.batch) >= self.batch_size or self.batch_bytes >= LARGEST_BATCH_BYTES:
            self.write()

    def write(self) -> None:
        """Write the batch and its markers in one transaction; count it once it is committed.

        Raises:
            CommandError: it isn't there, or it isn't known whether it is. Either way the markers
                agree with the input topic, so that a repeated run does the right thing.
        """
        if self.writer is not None and self.batch:
            self.writer.write(partial(self._send, self.writer))
            self.writer.wait()
        for letter in self.batch:
            self.report.add_replayed(letter)
        self.batch, self.batch_bytes = [], 0

    def _send(self, writer: TransactionalWriter) -> None:
        target = self.policy.target.name
        for letter in self.batch:
            writer.send(target, letter.input_partition, letter.key, letter.value, letter.headers)
            self.replayed.add(letter)
        for marker in self.replayed.take_changes():
            writer.send(self.markers, 0, marker.key, msgspec.json.encode(marker), [])

    def _say_why(self, letter: DeadLetter, error: RepairError) -> None:
        count = self.report.counts[ReplayDecision.REPAIR_FAILED] + 1
        if count <= MOST_NOTES:
            more = "; more such are only counted" if count == MOST_NOTES else ""
            say(f"partition {letter.partition}, offset {letter.offset}: repair: {error}{more}")


def replay(
    options: argparse.Namespace,
    settings: Settings,
    source: DeadLetterTopic,
    policy: ReplayPolicy,
    draining: Event,
) -> None:
    """Replay the selected dead letters, and print how many; SIGINT and SIGTERM end it.

    1. Fence any other replay, and abort what it left open.
    2. Read the markers: only now can nobody else write any.
    3. Read the dead letters up to their end as of now, and write those that have no marker.

    Raises:
        CommandError: it can't continue. The text ends with how many were replayed.
    """
    writer = None if options.dry_run else _open_writer(settings, source.markers, policy.target)
    with open_reader(settings, draining) as reader:
        replayed = read_replayed(reader, source)
        run = _Run(policy, replayed, source.markers, writer, settings.batch_size)
        try:
            with closing(read_selected(reader, source, options.selection)) as letters:
                for letter in letters:
                    run.take(letter)
            run.write()
        except CommandError as error:
            done = run.report.counts[ReplayDecision.REPLAYED]
            raise CommandError(f"{error}; {done} were replayed") from None
    if writer is not None:
        writer.close()
    stopped = "; stopped early: run it again to go on" if draining.is_set() else ""
    put("\n".join(run.report.lines(policy.target.name, dry_run=options.dry_run)) + stopped)


def _open_writer(settings: Settings, markers: str, target: InputTopic) -> TransactionalWriter:
    """Return a writer with the transactional id that all replays of a dead-letter topic share.

    So only the one that started last can write, and the markers that it reads are all there are.
    """
    writer = open_transactional_writer(settings, markers, "replay", [target.limit], fail)
    inputs = [TopicPartition(target.name, partition) for partition in range(target.partitions)]
    writer.abort_hanging([*inputs, TopicPartition(markers, 0)])
    return writer
