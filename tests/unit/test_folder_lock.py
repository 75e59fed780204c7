"""Recovery folders that several processes want."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from dataflows.folder_lock import Member, lock_recovery_folder
from file_lock import try_lock

ALONE = Member()
CLUSTER = "a:1;b:2"
OTHER_CLUSTER = "a:1;b:2;c:3"
HOLDER = """
import subprocess, sys, threading
from pathlib import Path
from dataflows.folder_lock import Member, lock_recovery_folder
lock_recovery_folder(Path(sys.argv[1]), Member(), threading.Event(), list, list)
print(subprocess.Popen(["sleep", "600"], close_fds=False).pid, flush=True)
threading.Event().wait()
"""


def nothing() -> None:
    """Check or clean nothing."""


class Users:
    """Processes that want a folder: each holds its lock until it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.descriptors: list[int] = []
        self.cleaned: list[Member] = []

    def start(self, member: Member, check: Callable[[], object] = nothing) -> int:
        """Let one more process use the folder."""

        def clean() -> None:
            self.cleaned.append(member)

        descriptor = lock_recovery_folder(self.folder, member, Event(), check, clean)
        self.descriptors.append(descriptor)
        return descriptor

    def end(self, descriptor: int) -> None:
        """Let a process end."""
        self.descriptors.remove(descriptor)
        os.close(descriptor)

    def refused(self, member: Member) -> None:
        """See that a process is refused with one line, and cleans nothing."""
        cleaned = len(self.cleaned)
        with pytest.raises(SystemExit) as refusal:
            self.start(member)
        line = str(refusal.value)
        assert line.startswith(f"-r {self.folder}: another process is using this recovery folder:")
        assert "\n" not in line
        assert len(self.cleaned) == cleaned


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Users]:
    """Nobody uses the folder yet; who has to wait for it soon gives up."""
    monkeypatch.setattr("dataflows.folder_lock.PREDECESSOR_SECONDS", 0.0)
    users = Users(tmp_path)
    yield users
    for descriptor in users.descriptors:
        os.close(descriptor)


def test_a_folder_has_one_user(users: Users) -> None:
    """A second process is refused while the first one runs, and may follow it."""
    first = users.start(ALONE)
    users.refused(ALONE)
    users.refused(Member(1, CLUSTER))
    users.end(first)
    users.start(ALONE)
    assert users.cleaned == [ALONE, ALONE]


def test_a_process_alone_leaves_no_file_in_the_folder(users: Users) -> None:
    """A start that is refused for something else has changed nothing either."""
    users.start(ALONE)
    assert list(users.folder.iterdir()) == []


def test_the_processes_of_a_cluster_share_a_folder_that_the_first_one_cleans(users: Users) -> None:
    """In whichever order they come, it is cleaned once, before the others use it."""
    users.start(Member(1, CLUSTER))
    users.start(Member(0, CLUSTER))
    assert users.cleaned == [Member(1, CLUSTER)]


@pytest.mark.parametrize(
    "stranger", [ALONE, Member(0, OTHER_CLUSTER), Member(2, OTHER_CLUSTER), Member(1, CLUSTER)]
)
def test_a_stranger_to_the_cluster_is_refused(users: Users, stranger: Member) -> None:
    """A process alone, any process of another cluster, and a copy of one that is there."""
    users.start(Member(0, CLUSTER))
    users.start(Member(1, CLUSTER))
    users.refused(stranger)


def test_a_process_that_comes_back_waits_for_the_end_of_all_others(users: Users) -> None:
    """What is left of the run before may still write; then it is cleaned for the new run."""
    old = [users.start(Member(number, CLUSTER)) for number in (0, 1)]
    users.end(old[1])
    users.refused(Member(1, CLUSTER))
    users.end(old[0])
    users.start(Member(1, CLUSTER))
    users.start(Member(0, CLUSTER))
    assert users.cleaned == [Member(0, CLUSTER), Member(1, CLUSTER)]


def test_a_process_that_does_not_fit_joins_nothing(users: Users) -> None:
    """Refused by the check, it may come again as soon as what was wrong is right."""

    def refuse() -> None:
        raise SystemExit("doesn't fit")

    users.start(Member(0, CLUSTER))
    with pytest.raises(SystemExit, match="doesn't fit"):
        users.start(Member(1, CLUSTER), refuse)
    users.start(Member(1, CLUSTER))


def test_the_check_comes_before_the_cleaning_and_both_under_the_lock(users: Users) -> None:
    """Nobody else can be reading or writing the folder meanwhile."""
    steps = []

    def step(name: str) -> Callable[[], None]:
        def note() -> None:
            users.refused(ALONE)
            users.refused(Member(1, CLUSTER))
            steps.append(name)

        return note

    os.close(
        lock_recovery_folder(
            users.folder, Member(0, CLUSTER), Event(), step("check"), step("clean")
        )
    )
    assert steps == ["check", "clean"]


def test_one_that_gets_in_between_is_waited_for(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To let others join, the lock is briefly released, and another process may take it then."""
    monkeypatch.setattr("dataflows.folder_lock.PREDECESSOR_SECONDS", 60.0)
    other = os.open(users.folder, os.O_RDONLY)
    attempts: list[bool] = []

    def lock_with_an_intruder(descriptor: int, *, shared: bool = False) -> bool:
        attempts.append(shared)
        if len(attempts) == 2:  # after the first lock, instead of sharing it
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            assert try_lock(other)
        if len(attempts) == 4:  # after one more attempt at each kind of lock
            fcntl.flock(other, fcntl.LOCK_UN)
        return try_lock(descriptor, shared=shared)

    monkeypatch.setattr("dataflows.folder_lock.try_lock", lock_with_an_intruder)
    users.start(Member(0, CLUSTER))
    assert attempts == [False, True, False, True, False, True]
    assert users.cleaned == [Member(0, CLUSTER)] * 2
    assert not try_lock(other)
    os.close(other)


def test_a_wait_ends_at_once_on_a_signal(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain while another process uses the folder has nothing to write: status 0."""
    monkeypatch.setattr("dataflows.folder_lock.PREDECESSOR_SECONDS", 60.0)
    users.start(ALONE)
    draining = Event()
    draining.set()
    with pytest.raises(SystemExit) as ended:
        lock_recovery_folder(users.folder, ALONE, draining, nothing, nothing)
    assert ended.value.code == 0


def test_the_lock_ends_with_a_killed_process_and_not_with_its_children(users: Users) -> None:
    """After kill -9 the next process may use the folder, whatever else still runs."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(users.folder)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        users.refused(ALONE)
        holder.kill()
        holder.wait()
        users.start(ALONE)
        os.kill(child, 0)  # it still runs
    finally:
        os.kill(child, signal.SIGKILL)
        holder.kill()
        holder.stdout.close()
        holder.wait()


def test_a_folder_that_can_not_be_locked_is_told(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have no locks."""

    def unsupported(*_: object, **__: object) -> bool:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("dataflows.folder_lock.try_lock", unsupported)
    with pytest.raises(SystemExit, match=r"be used \(Operation not supported\): .* a local disk"):
        users.start(ALONE)
