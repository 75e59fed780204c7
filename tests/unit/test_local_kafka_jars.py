"""Apache Kafka's jars are downloaded several at a time."""

import threading
from pathlib import Path

import pytest

from local_kafka import jars
from local_kafka.jars import AT_ONCE, LockedJar, class_path

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
