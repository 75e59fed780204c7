"""Windows of event time, and when they are over."""

from dataclasses import dataclass

__all__ = ["Windowing"]


@dataclass(frozen=True, slots=True)
class Windowing:
    """How event time is cut into windows [start, end), aligned to the Unix epoch.

    A window goes by its start. All times are whole seconds since the epoch.

    Attributes:
        seconds: how long a window is.
        lateness: how far behind the newest login of its partition a login may come and still count.
    """

    seconds: int
    lateness: int

    def start(self, timestamp: int) -> int:
        """Return the window that a time lies in."""
        return timestamp - timestamp % self.seconds

    def end(self, start: int) -> int:
        """Return the first second behind a window."""
        return start + self.seconds

    def is_past(self, start: int, newest: int) -> bool:
        """Tell whether a login of this window is late once one of the time `newest` was seen."""
        return start + self.seconds <= newest - self.lateness
