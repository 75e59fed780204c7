"""A small flow whose state the engine writes into a real recovery folder."""

from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

__all__ = ["make_folder", "run_with_recovery", "small_flow"]


def small_flow(name: str = "login", step: str = "report") -> Dataflow:
    """Return a flow that keeps state in two steps: `read`, and this one with the keys 0 to 9."""
    flow = Dataflow(name)
    numbers = op.input("read", flow, TestingSource(range(10)))
    keyed = op.key_on("key", numbers, str)
    summed = op.stateful_batch(step, keyed, _Logic)
    op.output("print", summed, TestingSink([]))
    return flow


class _Logic(op.StatefulBatchLogic[int, int, int]):
    def __init__(self, _state: int | None) -> None:
        pass

    def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
        """Emit all."""
        return values, self.RETAIN

    def snapshot(self) -> int:
        """Return some state."""
        return 1


def run_with_recovery(folder: Path, flow: Dataflow) -> None:
    """Let the engine write state into a folder."""
    config = RecoveryConfig(str(folder))  # type: ignore[no-untyped-call]
    run_main(  # type: ignore[no-untyped-call]
        flow, epoch_interval=timedelta(0), recovery_config=config
    )


def make_folder(folder: Path, files: int) -> None:
    """Make a new recovery folder as `python -m bytewax.recovery` does."""
    init_db_dir(folder, files)  # type: ignore[no-untyped-call]
