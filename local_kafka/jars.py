"""Apache Kafka's jars: resolved and downloaded once, then taken from the cache."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jgo

from local_kafka.errors import LocalKafkaError

__all__ = ["KAFKA_VERSION", "class_path"]

KAFKA_VERSION = "4.3.1"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka logs through slf4j 1.7; this binds it to the log4j that Kafka brings. Resolved on its own:
# together with Kafka, jgo would pick kafka-clients of another version, and nothing would start.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LOG_BINDING_JAR = "log4j-slf4j-impl"
CACHED_SECONDS = 2.0  # from the cache it takes less, and then nothing need be said
LINE_EVERY_SECONDS = 5.0


def class_path(report: Callable[[str], object]) -> list[Path]:
    """Return the jars that a broker needs, and download what isn't there yet.

    Args:
        report: takes a line of progress.

    Raises:
        LocalKafkaError: what is missing can't be downloaded.
    """
    logging.getLogger("jgo").setLevel(logging.CRITICAL)  # what it says stands in our error
    with _progress(report):
        kafka = _resolve(KAFKA)
        binding = [jar for jar in _resolve(LOG_BINDING) if jar.name.startswith(LOG_BINDING_JAR)]
    return kafka + binding


def _resolve(artifact: str) -> list[Path]:
    try:
        return [Path(jar) for jar in jgo.build(artifact).all_jars]
    except Exception as error:  # jgo lets through whatever its parts raise
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LocalKafkaError(
            f"can't download {artifact}: is there a network? ({cause[:200]})"
        ) from error


@contextmanager
def _progress(report: Callable[[str], object]) -> Iterator[None]:
    """Say every few seconds that the download goes on, if it is one."""
    done = threading.Event()
    begin = time.monotonic()

    def say() -> None:
        if done.wait(CACHED_SECONDS):
            return
        report(f"local Kafka: downloading Apache Kafka {KAFKA_VERSION} (46 MB, once)")
        while not done.wait(LINE_EVERY_SECONDS):
            report(f"local Kafka: still downloading, {time.monotonic() - begin:.0f} s")

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
