"""Fault points in the connectors, for any flow, and a transaction time-out of one's own.

To import it puts them there. For tests only. Without FAULT_POINT and TRANSACTION_SECONDS in the
environment a flow is as it is: the connectors' methods are wrapped, never changed.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from confluent_kafka import KafkaException

from connectors import sink, writers
from connectors.writer import Writer
from tests.crash.points import reach, reach_soon

_seen = {"snapshot": False, "resumed": False}


def _wrapped(
    owner: Any,  # a class or module whose function is wrapped
    name: str,
    before: Callable[..., object] | None = None,
    after: Callable[..., object] | None = None,
) -> None:
    """Call something before or behind a method, with the same arguments."""
    method = getattr(owner, name)

    @wraps(method)
    def wrapper(*args: Any, **options: Any) -> Any:
        if before:
            before(*args)
        result = method(*args, **options)
        if after:
            after(*args)
        return result

    setattr(owner, name, wrapper)


def _writes_outputs(writer: Writer) -> bool:
    """Tell the writers of outputs from the one of insights or alerts."""
    return writer._place.startswith("partition")


def _produced(writer: Writer, *_: object) -> None:
    """Everything of the transaction is with the broker, and it is still open."""
    if _writes_outputs(writer):
        # A flush raises what made the producer fail, garbled where delivery reports follow it: the
        # commit has to learn of that by itself, as it does without this.
        with suppress(KafkaException, SystemError):
            writer._producer.flush()
        reach("produced")


def _committed(writer: Writer, *_: object) -> None:
    if not _writes_outputs(writer):
        reach("insights")
        return
    reach("committed")
    if not _seen["snapshot"]:
        reach("first-snapshot")
    if _seen["resumed"]:
        reach("resumed-committed")


def _snapshot(*_: object) -> None:
    _seen["snapshot"] = True
    reach("snapshot")


def _resumed(_sink: object, _step: str, _part: str, state: object) -> None:
    _seen["resumed"] = _seen["resumed"] or state is not None


def _written(*_: object) -> None:
    if _seen["resumed"]:
        reach("resumed")


def _acknowledged(writer: Writer) -> None:
    if _writes_outputs(writer):
        reach("acknowledged")


_wrapped(writers.TransactionalWriter, "_complete", before=_produced, after=_committed)
_wrapped(writers.AcknowledgedWriter, "_flush", after=_acknowledged)
_wrapped(
    writers.TransactionalWriter,
    "fence",
    before=lambda *_: reach_soon("init"),
    after=lambda *_: reach("fenced"),
)
_wrapped(sink.TransactionalKafkaSink, "build_part", before=_resumed)
_wrapped(sink._Partition, "_write", after=_written)
_wrapped(sink._Partition, "snapshot", after=_snapshot)
_wrapped(sink._Partition, "close", after=lambda *_: reach("draining"))

if seconds := os.environ.get("TRANSACTION_SECONDS"):
    writers.TRANSACTION_TIMEOUT_SECONDS = int(seconds)
