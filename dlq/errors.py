"""What ends a command, and why, in one line."""

__all__ = ["CommandError"]


class CommandError(Exception):
    """The command can't go on; the text says what happened and what to do, in one line."""
