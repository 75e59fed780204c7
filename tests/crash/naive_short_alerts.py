"""The security flow as it would be if snapshots had its watermark but not its open windows."""

from operators.alerts import FindingsLogic
from operators.fold import FoldLogic
from operators.state import State
from tests.crash.faulty_security import flow

__all__ = ["flow"]


def _snapshot(self: FindingsLogic) -> State:
    return (*FoldLogic.snapshot(self)[:-1], ())


FindingsLogic.snapshot = _snapshot  # type: ignore[method-assign, assignment]
