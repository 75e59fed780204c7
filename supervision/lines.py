"""Lines for the person who watches."""

import sys

__all__ = ["say"]


def say(line: str, *, status: int = 0) -> int:
    """Print a line on standard error, and return the exit status to end with."""
    print(line, file=sys.stderr, flush=True)
    return status
