"""Locks a recovery folder for one process, or for the processes of one run of a cluster."""

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from connectors.topics import wait_for
from file_lock import try_lock

__all__ = ["Member", "lock_recovery_folder", "unusable"]

# Enough for a process that is stopping, or whose peer has ended; waiting longer doesn't help.
PREDECESSOR_SECONDS = 5.0
# Holds the cluster that uses the folder (its -a), then the number of each process that has joined.
MEMBERS_FILE = "cluster"


@dataclass(frozen=True)
class Member:
    """A process, and the cluster that it belongs to.

    Attributes:
        number: of the process, as given with `-i`.
        addresses: of all processes, as given with `-a`; None where there is only one.
    """

    number: int = 0
    addresses: str | None = None


def lock_recovery_folder(
    folder: Path,
    member: Member,
    draining: Event,
    check: Callable[[], object],
    clean: Callable[[], object],
) -> int:
    """Lock a recovery folder until this process has ended.

    The lock is on the folder itself, so it needs no file, moves with the folder and can't be
    deleted. Processes of a cluster may share a folder. The first one has exclusive use until the
    folder is cleaned, then lets the others join, each once: a restarted process waits until all
    processes of the previous run have ended, since until then they may write to the folder.

    Args:
        folder: as given with `-r`.
        member: the process that locks it.
        draining: ends the waiting when set.
        check: called once the folder is locked; refuses an incompatible one.
        clean: called after that by the first process only, while no other may join.

    Returns:
        The descriptor that holds the lock, open until the process ends.

    Raises:
        SystemExit: with one line: another process uses it, or it can't be locked.
    """

    def take(descriptor: int) -> int | None:
        if try_lock(descriptor):
            check()
            clean()
            return descriptor if _let_others_join(descriptor, folder, member) else None
        return descriptor if _join(descriptor, folder, member, check) else None

    try:
        attempt = partial(take, os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        return wait_for(deadline, draining, lambda: _in_use(folder), attempt)
    except OSError as error:
        raise unusable(folder, error) from None


def unusable(folder: Path, error: OSError) -> SystemExit:
    """Return the exit for a recovery folder that can't be created, locked or written to."""
    return SystemExit(
        f"-r {folder}: it can't be used ({error.strerror}): it must be a folder on a local disk "
        f"with free space, owned by user {os.geteuid()}"
    )


def _let_others_join(descriptor: int, folder: Path, member: Member) -> bool:
    """Tell whether the folder is still locked; another process may lock it in between."""
    if member.addresses is None:
        return True
    (folder / MEMBERS_FILE).write_text(f"{member.addresses}\n{member.number}\n")
    return try_lock(descriptor, shared=True)


def _join(descriptor: int, folder: Path, member: Member, check: Callable[[], object]) -> bool:
    """Share the folder with the cluster that uses it, if that is this process's cluster."""
    if member.addresses is None or not try_lock(descriptor, shared=True):
        return False
    lines = (folder / MEMBERS_FILE).read_text().splitlines()
    if lines[:1] != [member.addresses] or str(member.number) in lines[1:]:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
    check()
    with (folder / MEMBERS_FILE).open("a") as members:  # others may join at the same moment
        members.write(f"{member.number}\n")
    return True


def _in_use(folder: Path) -> str:
    return (
        f"-r {folder}: another process is using this recovery folder: stop it first, with its "
        "whole cluster, or give this one its own folder and KAFKA_GROUP_ID; start the processes "
        "of one cluster together, with the same -a"
    )
