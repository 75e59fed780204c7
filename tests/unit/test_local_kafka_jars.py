"""Apache Kafka's jars are downloaded several at a time, through short outages of the network."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local_kafka import LocalKafkaError, jars
from local_kafka.jars import AT_ONCE, ATTEMPTS, LOCK_FILE, LockedJar, class_path

MEETING_SECONDS = 60.0  # far more than threads need to begin


def test_several_jars_are_on_their_way_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With none here yet, as many downloads as may run at once begin before one of them ends."""
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    meeting = threading.Barrier(AT_ONCE, timeout=MEETING_SECONDS)
    begun: list[str] = []

    def fetch(_context: object, jar: LockedJar) -> None:
        begun.append(jar.coordinates)
        if begun.index(jar.coordinates) < AT_ONCE:
            meeting.wait()

    monkeypatch.setattr(jars, "_fetch", fetch)
    files = class_path(lambda _line: None)
    assert len(begun) == len(set(begun)) == len(files)


class FlakyArtifact:
    """A jar whose download fails some times, each time with a part of it left behind."""

    def __init__(self, place: Path, content: bytes, failures: int) -> None:
        self._place = place
        self._content = content
        self._failures = failures

    def resolve(self) -> Path:
        """Download the jar, as jgo does: into a file that mustn't be there yet."""
        assert not self._place.exists()
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._failures -= 1
        if self._failures >= 0:
            self._place.write_bytes(self._content[:1])
            raise ConnectionError("the name server doesn't answer")
        self._place.write_bytes(self._content)
        return self._place


@pytest.fixture
def flaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Path]]:
    """Download the one jar of a lock file over a network that fails so often."""

    def download(failures: int) -> list[Path]:
        content = b"a jar"
        (tmp_path / "sample").write_bytes(content)
        lock = tmp_path / LOCK_FILE.name
        lock.write_text(f"{LockedJar.of(tmp_path / 'sample', 'org.sample:sample:1')}\n")
        monkeypatch.setattr(jars, "PAUSE_SECONDS", 0.0)
        monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
        place = tmp_path / "m2/org/sample/sample/1/sample-1.jar"
        artifact = FlakyArtifact(place, content, failures)
        monkeypatch.setattr(jars, "_artifact", lambda _jar, _context: artifact)
        return class_path(lambda _line: None, lock)

    return download


def test_a_short_outage_is_survived(flaky: Callable[[int], list[Path]]) -> None:
    """A download that fails is tried again, over what it left behind."""
    [file] = flaky(ATTEMPTS - 1)
    assert file.read_bytes() == b"a jar"


def test_an_outage_that_stays_is_one_line(flaky: Callable[[int], list[Path]]) -> None:
    """After some attempts the reason says which jar, and what to do."""
    with pytest.raises(LocalKafkaError, match=r"org\.sample:sample:1 .*is there a network") as it:
        flaky(ATTEMPTS)
    assert "\n" not in str(it.value)
