"""Becomes a command that Linux kills when its parent ends.

    python with_parent.py PARENT COMMAND [ARGUMENT ...]

Not a preexec_fn: in a process with threads, as one with Kafka clients, that may wait for a lock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


def main(parent: int, command: list[str]) -> None:
    """Run the command in place of this program, unless the parent has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the command
        os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
