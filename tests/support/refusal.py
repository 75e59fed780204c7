"""What takes the place of ending the process in tests that run a flow within their own."""

from typing import NoReturn


class RefusedError(Exception):
    """What would have ended the process."""


def refuse(message: str) -> NoReturn:
    """Raise what would have ended the process."""
    raise RefusedError(message)
