"""Lines for the person at the terminal."""

import sys

__all__ = ["say"]


def say(line: str, *, status: int = 0) -> int:
    """Print a line on standard error, and return the given exit status."""
    print(line, file=sys.stderr, flush=True)
    return status
