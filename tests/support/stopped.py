"""The end of a process, as a test can see it."""

from typing import NoReturn

__all__ = ["StoppedError", "stop"]


class StoppedError(Exception):
    """What would have ended the process: its line."""


def stop(message: str) -> NoReturn:
    """Raise what a test can see, where a process would end."""
    raise StoppedError(message)
