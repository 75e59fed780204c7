"""A clock for code that takes one."""

__all__ = ["Clock"]


class Clock:
    """Seconds that a test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now
