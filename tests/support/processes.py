"""Processes that a test starts: none outlives the test's own, however that one ends."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import with_parent

__all__ = ["start_process"]


def start_process(command: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
    """Start a process as subprocess.Popen does; on Linux it is killed when this one ends.

    A worker of pytest-xdist that crashes can't clean up, and a flow that it leaves behind holds the
    run's output open and takes the processor time of all tests that follow.

    Args:
        command: what to run; to be started by the main thread, whose end is what counts.
        options: of subprocess.Popen.
    """
    launcher = [sys.executable, "-IS", with_parent.__file__, str(os.getpid())]
    return subprocess.Popen([*launcher, *map(str, command)], **options)
