"""Apache Kafka's jars: downloaded once, then taken from the local Maven repository.

`jars.lock` names each jar with its size and SHA-256, so that a start needs neither a network nor a
resolver, and a jar that is incomplete or was tampered with is noticed. jgo downloads each by
itself: its `build` would also fetch a whole JDK to sort them where there is none, and takes what an
interrupted build left behind for complete.
"""

import fcntl
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.maven import Artifact, MavenContext, PythonResolver

from local_kafka.errors import LocalKafkaError

__all__ = ["KAFKA_VERSION", "LOCK_FILE", "LockedJar", "class_path"]

KAFKA_VERSION = "4.3.1"
LOCK_FILE = Path(__file__).with_name("jars.lock")
AT_ONCE = 4  # downloads: most jars are small, so their time is that of making connections
ATTEMPTS = 3  # a name server or a proxy drops a request now and then; jgo doesn't try again
PAUSE_SECONDS = 1.0  # between them
LINE_EVERY_SECONDS = 3.0  # often enough to see that it goes on
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class LockedJar:
    """One jar as it must be; as text, one line of `jars.lock`."""

    sha256: str
    size: int
    coordinates: str  # group:name:version

    def __str__(self) -> str:
        return f"{self.sha256} {self.size} {self.coordinates}"

    @classmethod
    def parse(cls, line: str) -> "LockedJar":
        """Return the jar that a line of the lock file stands for."""
        sha256, size, coordinates = line.split()
        return cls(sha256, int(size), coordinates)

    @classmethod
    def of(cls, file: Path, coordinates: str) -> "LockedJar":
        """Return what the file is, to be compared with what it should be."""
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        return cls(sha256, file.stat().st_size, coordinates)

    def matches(self, file: Path) -> bool:
        """Tell whether the file is there and is this jar."""
        return file.exists() and LockedJar.of(file, self.coordinates) == self


def class_path(report: Callable[[str], object], lock_file: Path = LOCK_FILE) -> list[Path]:
    """Return the jars that a broker needs, and download what isn't there yet.

    Args:
        report: takes lines of progress, if anything is downloaded.
        lock_file: names them; the first is Kafka itself.

    Raises:
        LocalKafkaError: what is missing can't be downloaded, or isn't what it should be.
    """
    jars = [LockedJar.parse(line) for line in lock_file.read_text().splitlines()]
    repository = GlobalSettings.load().repo_cache
    files = {jar: _place(jar, repository) for jar in jars}
    if not all(jar.matches(file) for jar, file in files.items()):
        with _alone_in(repository):
            _download([jar for jar, file in files.items() if not jar.matches(file)], report)
    return list(files.values())


def _place(jar: LockedJar, repository: Path) -> Path:
    group, name, version = jar.coordinates.split(":")
    return repository.joinpath(*group.split("."), name, version, f"{name}-{version}.jar")


@contextmanager
def _alone_in(repository: Path) -> Iterator[None]:
    """Let one process at a time download: two would write to the same files."""
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / "local-kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(jars: list[LockedJar], report: Callable[[str], object]) -> None:
    if not jars:
        return  # another process has just brought them
    progress = _Progress(sum(jar.size for jar in jars), report)
    resolver = PythonResolver(progress_callback=progress.of_a_jar)
    context = MavenContext(resolver=resolver, repo_cache=GlobalSettings.load().repo_cache)
    logging.getLogger("jgo").setLevel(logging.CRITICAL)  # our error has what it says
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(partial(_fetch, context), jars):
            pass  # the first failure is raised, and what hasn't begun by then is cancelled


def _fetch(context: MavenContext, jar: LockedJar) -> None:
    file = _download_jar(context, jar)
    if not jar.matches(file):
        file.unlink()
        raise LocalKafkaError(
            f"what was downloaded as {jar.coordinates} isn't the file it should be (its SHA-256 is "
            "wrong): try again, and if that doesn't help ask who runs your network"
        )


def _download_jar(context: MavenContext, jar: LockedJar, attempts: int = ATTEMPTS) -> Path:
    _place(jar, context.repo_cache).unlink(missing_ok=True)  # of a download that broke off
    try:
        return _artifact(jar, context).resolve()
    except Exception as error:  # jgo lets through whatever its parts raise
        if attempts > 1:
            time.sleep(PAUSE_SECONDS)
            return _download_jar(context, jar, attempts - 1)
        raise LocalKafkaError(
            f"can't download {jar.coordinates} ({type(error).__name__}): is there a network? It is "
            f"needed once; or copy {context.repo_cache} from a machine that has Apache Kafka"
        ) from error


def _artifact(jar: LockedJar, context: MavenContext) -> Artifact:
    group, name, version = jar.coordinates.split(":")
    return context.project(group, name).at_version(version).artifact()


class _Progress:
    """Says now and then how much of the downloads is done."""

    def __init__(self, total: int, report: Callable[[str], object]) -> None:
        self._total = total
        self._report = report
        self._done = 0
        self._lock = threading.Lock()
        self._said_at = time.monotonic()
        megabytes = max(1, round(total / MEGABYTE))
        report(f"local Kafka: downloading Apache Kafka {KAFKA_VERSION} ({megabytes} MB, once)")

    @contextmanager
    def of_a_jar(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Give jgo what it calls with the count of bytes that came."""
        yield self._add

    def _add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if time.monotonic() - self._said_at >= LINE_EVERY_SECONDS:
                self._said_at = time.monotonic()
                done, total = (round(size / MEGABYTE) for size in (self._done, self._total))
                self._report(f"local Kafka: {done} of {total} MB are here")
