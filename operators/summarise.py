"""The summary of a batch: all that windows and report need to know about it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

from models import ProcessedLogin
from operators.batches import LoginBatch
from operators.event_time import Windowing, event_times
from operators.stats import LoginStats
from records import NOTHING_KNOWN, Coverage, partition_name

__all__ = ["Logins", "Summary", "Total", "sum_up", "summarise"]

Logins = Sequence[ProcessedLogin]


class CountsLogins(Protocol):
    """Totals of some logins."""

    @property
    def logins(self) -> int:
        """How many there were."""


Total = TypeVar("Total", bound=CountsLogins)


@dataclass(frozen=True, slots=True)
class Summary(Generic[Total]):
    """What crosses workers instead of a batch's logins. It must not be changed once created.

    Attributes:
        partition: the input partition that the batch came from.
        newest: the highest event time of the batch; after the lateness operator, of the partition
            so far. None before any login.
        windows: the totals of the logins in time, by their window's start.
        late: the totals of the late ones, in parts.
        rejects: how many records became dead letters, by reason.
        coverage: up to when the partition was read.
        gap: earlier records of the same windows were not read.
        incomplete_to: set by the lateness operator after a gap: windows that start at or before
            this time may lack logins.
    """

    partition: int
    newest: int | None
    windows: Mapping[int, Total]
    late: tuple[Total, ...]
    rejects: Mapping[str, int]
    coverage: Coverage = NOTHING_KNOWN
    gap: bool = False
    incomplete_to: int | None = None

    @property
    def key(self) -> str:
        """The name of the input partition."""
        return partition_name(self.partition)

    @property
    def has_logins(self) -> bool:
        """Whether it contains a login, on time or late."""
        return bool(self.windows or self.late)

    @property
    def late_logins(self) -> int:
        """How many logins are late."""
        return sum(total.logins for total in self.late)


def summarise(batch: LoginBatch[ProcessedLogin], windowing: Windowing) -> Summary[LoginStats]:
    """Sum up an enriched batch by window, with logins that are late within it apart."""
    return sum_up(batch, windowing, _stats)


def sum_up(
    batch: LoginBatch[ProcessedLogin], windowing: Windowing, total: Callable[[Logins], Total]
) -> Summary[Total]:
    """Sum up a batch's logins by window, with logins that are late within it apart.

    Args:
        batch: as read or enriched.
        windowing: the length of windows and the allowed lateness.
        total: returns what is kept of some logins, which are in order.
    """
    timestamps = event_times([login.timestamp for login in batch.logins], batch.record_times)
    newest = max(timestamps, default=None)
    windows, late = _sort(batch.logins, timestamps, newest, windowing)
    # Plain strings: a summary is pickled, and reading it shouldn't need the enum's module.
    rejects = Counter(str(reject.reason) for _, reject in batch.rejects)
    return Summary(
        partition=batch.source.partition,
        newest=newest,
        windows={start: total(logins) for start, logins in windows.items()},
        late=(total(late),) if late else (),
        rejects=dict(rejects),
        coverage=batch.source.coverage,
        gap=batch.source.gap,
    )


def _sort(
    logins: Logins, timestamps: list[int], newest: int | None, windowing: Windowing
) -> tuple[Mapping[int, Logins], Logins]:
    """Return the logins in time, by window, and the late ones."""
    if newest is None:
        return {}, []
    first = windowing.start(min(timestamps))
    # A batch seldom spans more than a window or two, and then nothing is late within it.
    if first == windowing.start(newest):
        return {first: logins}, []
    if not windowing.is_past(first, newest):
        return _by_window(logins, timestamps, windowing), []
    return _one_by_one(logins, timestamps, windowing)


def _by_window(
    logins: Logins, timestamps: list[int], windowing: Windowing
) -> dict[int, list[ProcessedLogin]]:
    seconds = windowing.seconds
    windows: defaultdict[int, list[ProcessedLogin]] = defaultdict(list)
    for timestamp, login in zip(timestamps, logins, strict=True):
        windows[timestamp - timestamp % seconds].append(login)
    return windows


def _one_by_one(
    logins: Logins, timestamps: list[int], windowing: Windowing
) -> tuple[dict[int, list[ProcessedLogin]], list[ProcessedLogin]]:
    """Compare each login with the newest one up to it."""
    seconds, slack = windowing.seconds, windowing.seconds + windowing.lateness
    windows: defaultdict[int, list[ProcessedLogin]] = defaultdict(list)
    late: list[ProcessedLogin] = []
    so_far = accumulate(timestamps, max)
    for timestamp, newest, login in zip(timestamps, so_far, logins, strict=True):
        start = timestamp - timestamp % seconds
        if start + slack <= newest:  # Windowing.is_past, without a call for each login
            late.append(login)
        else:
            windows[start].append(login)
    return windows, late


def _stats(logins: Logins) -> LoginStats:
    stats = LoginStats()
    stats.add(logins)
    return stats
