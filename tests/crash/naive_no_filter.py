"""The flow as it would be without the sink's resume filter: what is replayed is written again."""

from typing import Any

from connectors import sink
from tests.crash.faulty_login import flow

__all__ = ["flow"]

_build_part = sink.TransactionalKafkaSink.build_part


def _build_without_filter(self: sink.TransactionalKafkaSink, *args: Any) -> sink._Partition:
    part = _build_part(self, *args)
    part._written = 0
    return part


_Sink: Any = sink.TransactionalKafkaSink  # patched, which types are there to forbid
_Sink.build_part = _build_without_filter
