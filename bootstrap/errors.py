"""What can go wrong with a setup, in one line."""

__all__ = ["SetupError"]


class SetupError(Exception):
    """Nothing can be installed; the text is one line that says why and what to do."""
