"""Runs a command for as long as its owner lives, however the owner ends.

    python guardian.py SECONDS COMMAND [ARGUMENT ...]

Its standard input is a socket. It writes the command's process id there, then waits until the other
side is closed: by the owner, or by the system when the owner is killed. Then the command gets
SIGTERM, and SIGKILL if it takes longer than SECONDS to end. The guardian ends as the command did.
It is a standalone file that uses only the standard library, so that it is small and starts fast.
"""

import contextlib
import ctypes
import functools
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

OWNER = 0  # the socket
PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


def main(seconds: float, command: list[str]) -> int:
    """Run the command and return its exit status."""
    process = subprocess.Popen(  # noqa: S603  # the command is the caller's own
        command,
        stdin=subprocess.DEVNULL,
        close_fds=False,
        # The system sends SIGHUP to stopped members of a process group whose last outside parent
        # ends: in the guardian's group, a paused command would get it when the owner is killed.
        process_group=0,
        preexec_fn=_die_with_guardian(),
    )
    signal.signal(signal.SIGTERM, lambda _signum, _frame: process.terminate())
    threading.Thread(target=_end_with_owner, args=(process, seconds), daemon=True).start()
    with contextlib.suppress(OSError):  # the owner is gone already
        os.write(OWNER, b"%d" % process.pid)
    status = process.wait()
    if status < 0:
        _die_of(-status)
    return status


def _end_with_owner(process: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(OWNER, 1):
            pass
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a stopped process wouldn't get the other signal
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        _say(f"process {process.pid} did not stop within {seconds:.0f} s: killing it")
        process.kill()


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the reader may be gone
        print(line, file=sys.stderr, flush=True)


def _die_of(signum: int) -> None:
    """End by the signal that ended the command, without a core dump of this process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # some signals can't be handled, and needn't be
        signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _die_with_guardian() -> Callable[[], object] | None:
    """Return a hook that has Linux end the command when this process itself is killed."""
    hook = None
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl  # looked up here: little is safe between fork and exec
        hook = functools.partial(prctl, PR_SET_PDEATHSIG, signal.SIGKILL)
    return hook


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
