"""Programs that tests get from Debian's packages, or do without for a reason that is told."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from tests.support import debian

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is Debian's")

CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/dpkg/status";
Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc";
Dir::Log "{folder}/log";
"""


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of package lists of an apt-get that uses no folder of the system's, as root."""
    made = ("state/lists/partial", "dpkg", "cache/archives/partial", "etc/sources.list.d", "log")
    for folder in made:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg" / "status").touch()
    configuration = tmp_path / "apt.conf"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path))
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "UNPACKED", tmp_path / "unpacked")
    return tmp_path / "state" / "lists"


def test_a_skip_tells_why_there_is_no_package(lists: Path) -> None:
    """What apt-get says of it, not only that the program is missing."""
    assert lists.exists()
    assert "Unable to locate package not-a-package" in reason(install)
    assert "Unable to locate package not-a-package" in reason(unpack)


def test_a_lock_of_another_apt_is_waited_for(lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the other one has ended, the package lists are read and the package is asked for."""
    held = hold(lists / "lock")
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        held.close()

    monkeypatch.setattr(debian, "sleep", wait)
    assert "Unable to locate package not-a-package" in reason(install)
    assert waits == [debian.POLL_SECONDS]


def test_a_lock_that_stays_is_the_reason(lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline the skip names the lock, and nothing is tried further."""
    monkeypatch.setattr(debian, "GET_SECONDS", 0.0)
    with hold(lists / "lock"):
        told = reason(install)
    assert f"Could not get lock {lists / 'lock'}" in told
    assert "Unable to locate" not in told


def test_packages_are_got_by_one_worker_at_a_time(
    lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait, and find what it has got."""
    debian.UNPACKED.mkdir()
    held = (debian.UNPACKED / "lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    program = lists / "program"

    def wait(_seconds: float) -> None:
        program.touch()
        held.close()

    monkeypatch.setattr(debian, "sleep", wait)
    found = debian.find_or_install(lambda: "it" if program.exists() else None, "not-a-package")
    assert found == "it"


def test_without_rights_to_install_the_skip_says_so(
    lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root can install packages."""
    assert lists.exists()
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert "only root can install it" in reason(install)


def test_in_ci_a_missing_program_fails_the_test(
    lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There nothing may be left out unnoticed."""
    assert lists.exists()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Unable to locate package"):
        install()


def install() -> str:
    """Ask for a program that no package has, to be installed."""
    return debian.find_or_install(lambda: None, "not-a-package")


def unpack() -> str:
    """Ask for a program that no package has, to be unpacked."""
    return debian.find_or_unpack("not-a-program", "not-a-package")


def reason(get: Callable[[], str]) -> str:
    """Return the reason for which a test would be skipped."""
    with pytest.raises(pytest.skip.Exception) as skipped:
        get()
    return str(skipped.value)


def hold(path: Path) -> IO[str]:
    """Lock a file as apt does, until it is closed."""
    lock = path.open("w")
    fcntl.lockf(lock, fcntl.LOCK_EX)
    return lock
