"""Runs a command for as long as whoever started it lives, however that one ends.

    python guardian.py COMMAND [ARGUMENT ...]

It prints the command's process id, then waits for the end of its standard input: the pipe closes
when its other side stops on purpose, or is killed. It runs as a file of its own, with nothing but
the standard library, so that it is small and starts fast.
"""

import ctypes
import functools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

STOP_SECONDS = 20.0  # a broker with much to flush takes a few; then it is stuck
PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    process = subprocess.Popen(  # noqa: S603  # the command is the caller's own
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_die_with_guardian()
    )
    print(process.pid, flush=True)
    signal.signal(signal.SIGTERM, lambda _signum, _frame: process.terminate())
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    return process.wait()


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    sys.stdin.read()
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a stopped process would not even see the other
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _die_with_guardian() -> Callable[[], object] | None:
    """Return what has Linux end the command when this process itself is killed."""
    hook = None
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl  # looked up here: little is safe between fork and exec
        hook = functools.partial(prctl, PR_SET_PDEATHSIG, signal.SIGKILL)
    return hook


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
