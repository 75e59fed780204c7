"""Runs a command for as long as whoever started it lives, however that one ends.

    python -m local_kafka.guardian COMMAND [ARGUMENT ...]

It prints the command's process id, then waits for the end of its standard input: the pipe closes
when its other side stops on purpose, or is killed.
"""

import subprocess
import sys
import threading

STOP_SECONDS = 20.0  # a broker with much to flush takes a few; then it is stuck


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    process = subprocess.Popen(  # noqa: S603  # the command is the caller's own
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    print(process.pid, flush=True)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    return process.wait()


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    sys.stdin.read()
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
