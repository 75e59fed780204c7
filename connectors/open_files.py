"""How many files the Kafka clients of a process hold open, and the limit that they need."""

import math
import resource
from dataclasses import dataclass
from pathlib import Path

import structlog

from connectors.topics import FlowTopics

__all__ = ["FilesNeeded", "allow_open_files", "files_needed"]

log = structlog.get_logger()

# Measured with one and with three brokers (benchmarks/results/README.md): librdkafka wakes each
# thread of a client through a pipe, which is two files. It has one thread for each broker of the
# cluster, used or not, one for the bootstrap address, and one for the transactions'
# coordinator.
PIPE_FILES = 2
FURTHER_THREADS = 2
MIN_SOCKETS = 2  # of a producer whose partitions all have the same leader
# Besides a producer for each partition: clients for reading, ends, progress and open transactions.
CLIENTS_PER_WORKER = 4
CLIENTS_PER_PROCESS = 3  # insights, the topic watch, the group's offsets
SPARE_FILES = 64  # the recovery folder, requests for metrics


@dataclass(frozen=True)
class FilesNeeded:
    """How many files a process will have open.

    Attributes:
        least: with fewer it can't work.
        most: the maximum, if each of its clients talks to every broker.
    """

    least: int
    most: int


def files_needed(partitions: int, brokers: int, workers: int, open_now: int) -> FilesNeeded:
    """Return how many files a process will have open.

    Args:
        partitions: how many input partitions this process reads.
        brokers: of the cluster.
        workers: of the process.
        open_now: files that are open already.
    """
    pipes = PIPE_FILES * (brokers + FURTHER_THREADS)
    clients = partitions + CLIENTS_PER_WORKER * workers + CLIENTS_PER_PROCESS
    return FilesNeeded(
        least=open_now + partitions * (pipes + MIN_SOCKETS),
        most=open_now + clients * (pipes + brokers + 1) + SPARE_FILES,
    )


def _open_now() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def allow_open_files(topics: FlowTopics, processes: int, workers: int) -> None:
    """Raise this process's soft limit of open files as far as it needs and may.

    Args:
        topics: as found at start.
        processes: how many share the input's partitions.
        workers: of this process.

    Raises:
        SystemExit: with one line, when the hard limit is too low.
    """
    partitions = math.ceil(topics.partitions / processes)
    needed = files_needed(partitions, topics.brokers, workers, _open_now())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed.most:
        return
    limit = needed.most if hard == resource.RLIM_INFINITY else min(needed.most, hard)
    if limit < needed.least:
        raise SystemExit(
            f"{partitions} partitions of {topics.input} on {topics.brokers} broker(s) need at "
            f"least {needed.least} open files, but this process may have only {limit}: raise the "
            f"limit (ulimit -n {needed.most}, or LimitNOFILE={needed.most} in systemd), or run "
            "more processes"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    log.info("limit of open files raised", before=soft, now=limit)
    if limit < needed.most:
        log.warning(
            "open files may run out: raise the hard limit, or run more processes",
            limit=limit,
            wanted=needed.most,
        )
