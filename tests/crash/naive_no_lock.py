"""The flow as it would be without a lock on its recovery folder."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

from dataflows import command_line
from dataflows.folder_lock import Member
from tests.crash.faulty_login import flow

__all__ = ["flow"]


def _never_locked(
    _folder: Path,
    _member: Member,
    _draining: Event,
    check: Callable[[], object],
    clean: Callable[[], object],
) -> None:
    check()
    clean()


command_line.lock_recovery_folder = _never_locked  # type: ignore[assignment, attr-defined]
