"""The flow as it would be with the engine's own KafkaSink, and snapshots alone to resume from."""

from collections.abc import Iterator
from typing import Any

import msgspec
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors import source
from connectors.group_offsets import GroupOffsets
from connectors.resume import Position, SourceState
from connectors.topics import FlowTopics
from dataflows import login
from models import Progress
from records import OutputBatch
from settings import Settings
from tests.crash.faulty_login import flow
from tests.crash.points import reach

__all__ = ["flow"]

Item = tuple[str, OutputBatch]
StockPartition = StatelessSinkPartition[Any]  # of KafkaSinkMessage, typed otherwise inside


class _StockSink(DynamicSink[Item]):
    """Gives the stock sink single messages, as it wants them, and the driver its progress."""

    def __init__(self, settings: Settings, topics: FlowTopics, _offsets: GroupOffsets) -> None:
        servers = [settings.kafka_bootstrap_servers]
        self._outputs = KafkaSink(servers, topics.output)
        self._progress = KafkaSink(servers, topics.progress)

    def build(self, step_id: str, index: int, count: int) -> StatelessSinkPartition[Item]:
        return _StockPartition(
            self._outputs.build(step_id, index, count), self._progress.build(step_id, index, count)
        )


class _StockPartition(StatelessSinkPartition[Item]):
    def __init__(self, outputs: StockPartition, progress: StockPartition) -> None:
        self._outputs = outputs
        self._progress = progress

    def write_batch(self, items: list[Item]) -> None:
        for _, batch in items:
            self._outputs.write_batch(list(_messages(batch)))
            self._progress.write_batch([_progress_message(batch)])
            reach("committed")


def _messages(batch: OutputBatch) -> Iterator[KafkaSinkMessage[bytes, bytes]]:
    for record in batch.records:
        key, value = record["key"], record["value"]
        assert isinstance(key, str)
        assert isinstance(value, bytes)
        yield KafkaSinkMessage(key=key.encode(), value=value)


def _progress_message(batch: OutputBatch) -> KafkaSinkMessage[bytes, bytes]:
    progress = Progress(batch.topic, "", batch.partition, batch.next_offset, batch.start)
    return KafkaSinkMessage(key=batch.key.encode(), value=msgspec.json.encode(progress))


def _from_snapshot_alone(
    snapshot: SourceState | None,
    _progress: Progress | None,
    log_start: int,
    *_: object,
    **_options: object,
) -> Position:
    offset = snapshot["next_offset"] if snapshot else None
    return Position(offset=log_start if offset is None else offset, start=log_start)


def _no_progress(_reader: object, _partition: int) -> None:
    return None


_login: Any = login  # patched, which types are there to forbid
_source: Any = source
_login.TransactionalKafkaSink = _StockSink
_source.resume_position = _from_snapshot_alone
_source.ProgressReader.last = _no_progress
