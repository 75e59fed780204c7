"""Faults in which a second start of the flow meets one that is still running."""

import time
from math import ceil
from typing import TYPE_CHECKING

from tests.crash.cluster import Cluster, ended_with_a_line, stopped
from tests.crash.feed import Feed
from tests.crash.schedule import Fault

if TYPE_CHECKING:
    from tests.crash.run import SeedRun

__all__ = ["FENCED", "stalled_start", "two_on_one_folder", "zombie"]

FENCED = "may no longer write"
IN_USE = "another process is using this recovery folder"
TAKE_OVER_SECONDS = 120.0
PIECE = 50  # records at a time, so that whoever is behind has something to write
START_SHARE = 3.0  # of a fault's delay: a start takes up to as many seconds


class _Trickle:
    """Feeds a few records every second, for as long as a take-over may last.

    Only a process that writes notices that another one has fenced it; and only one that has
    something to write fences another one, however long it took to start.
    """

    def __init__(self, feed: Feed, records: int) -> None:
        self._feed = feed
        self._left = records
        self._piece = ceil(records / TAKE_OVER_SECONDS)
        self._next = time.monotonic()

    def feed(self) -> None:
        """Feed the next few, if a second has passed."""
        if time.monotonic() >= self._next:
            self._next += 1.0
            self._allow(self._piece)

    def feed_all(self) -> None:
        """Feed what is left."""
        self._allow(self._left)

    def _allow(self, count: int) -> None:
        count = min(count, self._left)
        self._feed.allow(count)
        self._left -= count


def two_on_one_folder(run: "SeedRun", fault: Fault) -> str | None:
    """Start a second copy on the same folder: it ends with a line, and the first goes on."""
    first = run.cluster
    run.start(fault.value)
    second, run.cluster = run.cluster, first
    trickle = _Trickle(run.feed, run.for_later(fault))

    def is_decided() -> bool:
        trickle.feed()
        return None not in second.statuses() or first.any_ended()

    run.wait(is_decided, fault, TAKE_OVER_SECONDS)
    trickle.feed_all()
    if first.any_ended():
        first.end()
        run.cluster = second  # what both have left in the folder may be refused to a third start
        return "the second copy took the folder from the first one"
    return _refused(second)


def zombie(run: "SeedRun", fault: Fault) -> str | None:
    """Let others take over while all are suspended; those that wake up must end with a line."""
    sleeper = run.cluster
    with stopped(sleeper.send):
        run.use_another_folder(copied=bool(fault.value))
        time.sleep(run.schedule.timeout)
        run.start()
        before = run.monitor.total()
        run.feed.allow(run.for_later(fault))
        run.supervised(lambda: run.monitor.total() > before, "take-over", fault)
    statuses = sleeper.wait(TAKE_OVER_SECONDS)
    if not ended_with_a_line(statuses):
        return f"the zombie ended with {statuses}"
    return None if FENCED in sleeper.said() else "the zombie didn't say that it was replaced"


def stalled_start(run: "SeedRun", fault: Fault) -> str | None:
    """Suspend a start while others are started, on its folder or on a copy of it.

    On its own folder one of the two is refused: whichever took the lock first uses it. On another
    folder the sleeper may take over in turn what it had not opened yet; a supervisor that starts
    the others again wins in the end.
    """
    run.cluster.kill()
    run.start()
    sleeper = run.cluster
    time.sleep(fault.delay * START_SHARE)  # part of the schedule: any moment of a start
    with stopped(sleeper.send):
        if fault.value:
            run.use_another_folder(copied=True)
        time.sleep(run.schedule.timeout)
        run.start()
        before, later = run.monitor.total(), run.for_later(fault)
        run.feed.allow(later // 2)
        others = run.cluster
        run.wait(
            lambda: run.monitor.total() > before or None not in others.statuses(),
            fault,
            TAKE_OVER_SECONDS,
        )
    if others.any_ended():
        others.end()
        run.cluster = sleeper
        run.feed.allow(later - later // 2)
        return _refused(others)
    return _until_replaced(run, sleeper, later - later // 2)


def _until_replaced(run: "SeedRun", sleeper: Cluster, later: int) -> str | None:
    """Restart the others where the sleeper took over from them, until it has ended."""
    deadline = time.monotonic() + TAKE_OVER_SECONDS
    while not sleeper.any_ended() and (later or not run.all_written()):
        if time.monotonic() > deadline:
            return "the stalled process neither ended nor let others write"
        if run.cluster.any_ended():
            if FENCED not in run.cluster.said():
                return "the others ended and didn't say that they were replaced"
            run.restart()
        if later and run.all_written():
            run.feed.allow(min(PIECE, later))
            later -= min(PIECE, later)
        time.sleep(0.02)
    run.feed.allow(later)
    if not sleeper.any_ended():  # it has found nothing to write
        sleeper.kill()
        return None
    statuses, said = sleeper.end(), sleeper.said()
    if not ended_with_a_line(statuses):
        return f"the stalled process ended with {statuses}"
    return None if FENCED in said or IN_USE in said else "the stalled process didn't say why"


def _refused(cluster: Cluster) -> str | None:
    """See that each process of a start was refused the folder."""
    statuses = cluster.statuses()
    if set(statuses) != {1}:
        return f"the second copy ended with {statuses}"
    if all(IN_USE in member.output() for member in cluster.members):
        return None
    return "the second copy didn't say that the folder is in use"
