"""The flow as it would be with its progress in a transaction after that of the outputs."""

from connectors import sink
from records import OutputBatch
from tests.crash.faulty_login import flow

__all__ = ["flow"]


def _write_progress_after(self: sink._Partition, batches: list[OutputBatch]) -> None:
    self._writer.write(lambda: self._send_records(batches))
    self._writer.wait()  # with its fault points: what is committed lacks progress
    self._writer._producer.begin_transaction()
    self._send_progress(batches[-1])
    self._writer._producer.commit_transaction()


sink._Partition._write = _write_progress_after  # type: ignore[method-assign]
