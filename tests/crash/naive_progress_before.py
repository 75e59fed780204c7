"""The flow as it would be with its progress in a transaction before that of the outputs."""

from connectors import sink
from records import OutputBatch
from tests.crash.faulty_login import flow

__all__ = ["flow"]


def _send_progress_first(self: sink._Partition, batches: list[OutputBatch]) -> None:
    self._send_progress(batches[-1])
    self._writer._producer.commit_transaction()
    self._writer._producer.begin_transaction()
    self._send_records(batches)


def _write(self: sink._Partition, batches: list[OutputBatch]) -> None:
    self._writer.write(lambda: _send_progress_first(self, batches))


sink._Partition._write = _write  # type: ignore[method-assign]
