"""The end of a process, as a test can see it."""

__all__ = ["StoppedError"]


class StoppedError(Exception):
    """What would have ended the process: its line."""
