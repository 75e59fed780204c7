"""What happens to the flow in a seed's run: the same seed, the same faults in the same order."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

__all__ = [
    "IDLE_SECONDS",
    "KINDS",
    "PARTITIONS",
    "REAL_SECONDS",
    "RECREATE",
    "SHORT_SECONDS",
    "Fault",
    "Schedule",
    "make_schedule",
]

REAL_SECONDS = 60  # the flow's transaction time-out
SHORT_SECONDS = 8  # what most seeds take for it, so that a run needn't wait for a minute
PARTITIONS = 4  # of the input, unless said otherwise
BATCH_SIZES = (50, 150, 400, 1_000)
LONGEST_DELAY = 1.2

# Each with the values that it may have: processes, seconds, or a point to be reached.
KINDS = {
    "kill-all": (1, 2, 3),  # kill -9 of each process; started again as so many
    "kill-one": (0, 1, 2),  # kill -9 of one process: the others end, all are started again
    "drain": (1, 2, 3),  # SIGTERM to each; started again as so many
    "nap": (1, 2, 3),  # SIGSTOP of a process for so many seconds, then SIGCONT
    "sleep": (2, 3),  # SIGSTOP of all for so many seconds past the time-out, then SIGCONT
    "zombie": (0, 1),  # the same, but others take over meanwhile (1: with the state, 0: without)
    "broker-nap": (1, 3, 5),  # SIGSTOP of the broker for less than the time-out
    "broker-kill": (0, 1, 2),  # kill -9 of the broker, started again after so many seconds
    "broker-sleep": (2, 4),  # SIGSTOP of the broker for so many seconds past the time-out
    "two-on-one-folder": (1, 2, 3),  # number of processes of a second copy, started on it
    # SIGSTOP of all while they start, others are started meanwhile (1: on a copy of the folder)
    "stalled-start": (0, 1),
    "more-partitions": (1, 2),  # number added to the input: the flow ends, and is restarted
    "restart": (1, 2, 3),  # kill -9 of all there is, the broker among it
}
POINTS = (
    "produced",
    "committed",
    "snapshot",
    "init",
    "fenced",
    "resumed",
    "resumed-committed",
    "draining",
    "insights",
)
OF_TRANSACTIONS = {"sleep", "zombie", "stalled-start", "broker-sleep"}  # past their time-out
OF_INPUT = {"more-partitions"}
RECREATE = "recreate-input"  # the input is deleted and created again; only the last thing can be
RECREATE_EVERY = 5  # seeds
IDLE_SECONDS = 86_400  # what idleness closes, a replay may close at another time: off
LONG_NAPS = (10, 20, 30)  # of a broker, where the time-out is the real one


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: of KINDS, or a fault point with `point:` before it.
        value: what KINDS says; for a point the call at which it is.
        delay: seconds from the moment the flow writes again to the fault.
    """

    kind: str
    value: int
    delay: float

    @property
    def point(self) -> str | None:
        """The fault point, if it is one."""
        kind, _, point = self.kind.partition(":")
        return point if kind == "point" else None

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


@dataclass(frozen=True)
class Schedule:
    """A seed's run.

    Attributes:
        seed: makes all the rest.
        processes: how many the flow begins with.
        batch_size: the flow's setting.
        timeout: the transaction time-out in seconds.
        faults: one after another.
        partitions: of the input.
        idle_seconds: the flow's IDLE_PARTITION_SECONDS.
        recreate_input: whether the input is deleted and created again when all else is done.
    """

    seed: int
    processes: int
    batch_size: int
    timeout: int
    faults: tuple[Fault, ...]
    partitions: int = PARTITIONS
    idle_seconds: int = IDLE_SECONDS
    recreate_input: bool = False


def make_schedule(
    seed: int,
    faults: int,
    *,
    only: Sequence[str] = (),
    long: bool = False,
    once: bool = True,
    input_changes: bool = True,
) -> Schedule:
    """Draw a schedule. Seeds in a row bring every kind of fault and every point to pass.

    Args:
        seed: of the random numbers.
        faults: how many.
        only: kinds (or `point:...`) to draw from; all of them if empty.
        long: with the real transaction time-out, which takes minutes.
        once: exactly-once delivery; without it there are no transactions to time out.
        input_changes: whether the input may get more partitions, and be recreated in the end.
    """
    random = Random(seed)  # noqa: S311 - a test that can be repeated
    kinds = [kind for kind in only if kind != RECREATE] or [
        *_kinds(once=once, input_changes=input_changes),
        *_points(once=once),
    ]
    due = [] if only else [kinds[seed % len(kinds)], _points(once=once)[seed % 3]]
    drawn = [*due, *random.choices(kinds, k=faults)][:faults]
    random.shuffle(drawn)
    if not only and random.random() < 1 / 3:
        drawn[0] = "point:first-snapshot" if once else "point:acknowledged"
    return Schedule(
        seed=seed,
        processes=random.randint(1, 3),
        batch_size=random.choice(BATCH_SIZES),
        timeout=REAL_SECONDS if long else SHORT_SECONDS,
        faults=tuple(_fault(kind, random, long=long) for kind in drawn),
        recreate_input=RECREATE in only
        or (input_changes and not only and seed % RECREATE_EVERY == 0),
    )


def _kinds(*, once: bool, input_changes: bool) -> list[str]:
    left_out = set() if once else OF_TRANSACTIONS
    return [kind for kind in KINDS if kind not in left_out | (set() if input_changes else OF_INPUT)]


def _points(*, once: bool) -> list[str]:
    if not once:
        return ["point:acknowledged", "point:snapshot", "point:resumed"]
    return [f"point:{point}" for point in POINTS]


def _fault(kind: str, random: Random, *, long: bool) -> Fault:
    values: Sequence[int] = KINDS.get(kind, (1, 2, 3))
    if kind == "broker-nap" and long:
        values = LONG_NAPS
    if kind in {"point:init", "point:fenced", "point:insights", "point:first-snapshot"}:
        values = (1,)  # these may come but once
    return Fault(kind, random.choice(values), random.uniform(0, LONGEST_DELAY))
