"""The newest alerts of their topic, in bounded memory, and the text shown for each."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from dashboard.words import number
from insights.windows import NUMBERS_BELOW, UnreadableRecordError, window_start
from models import Alert

__all__ = ["ALERTS_KEPT", "AlertLog", "AlertRow", "alert_row"]

ALERTS_KEPT = 200
LONGEST_TEXT = 120  # characters of a text from the stream
TITLES = {
    "password_spray": "Password spray",
    "many_networks": "User in many networks",
    "many_locales": "User in many places",
    "network_burst": "Burst of a network",
}
UNITS = {
    "password_spray": "users",
    "many_networks": "networks",
    "many_locales": "places",
    "network_burst": "logins",
}


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as shown in the panel.

    Attributes:
        start: of the window, in seconds since the epoch.
        title: the kind in words.
        subject: the network or the user.
        evidence: what was counted.
        sample: some of what was counted, by name.
    """

    start: int
    title: str
    subject: str
    evidence: str
    sample: str


class AlertLog:
    """The newest alerts, each from its last record.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int = ALERTS_KEPT) -> None:
        self._limit = limit
        self._rows: dict[bytes, AlertRow] = {}

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Apply a record of the alerts topic.

        Args:
            key: tells which alert a record replaces.
            value: the alert, or None for one that was deleted.

        Raises:
            UnreadableRecordError: the record is not an alert.
        """
        if value is None:
            self._rows.pop(key or b"", None)
            return
        self._rows[key or b""] = alert_row(value)
        if len(self._rows) > self._limit:
            del self._rows[min(self._rows, key=self._order)]

    def newest(self, count: int) -> tuple[AlertRow, ...]:
        """Return at most `count` alerts, the newest first; within a window, by key."""
        keys = sorted(self._rows, key=lambda key: (-self._rows[key].start, key))
        return tuple(self._rows[key] for key in keys[:count])

    def _order(self, key: bytes) -> tuple[int, bytes]:
        return self._rows[key].start, key


def alert_row(value: bytes) -> AlertRow:
    """Return an alert as shown in the panel.

    Args:
        value: of the alert's record.

    Raises:
        UnreadableRecordError: it is not an alert.
    """
    try:
        alert = msgspec.json.decode(value, type=Alert)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRecordError(str(error)) from None
    if not (0 <= alert.count < NUMBERS_BELOW and 0 <= alert.logins < NUMBERS_BELOW):
        raise UnreadableRecordError("impossible counts")
    return AlertRow(
        start=window_start(alert.window_start.encode()),
        title=_word(TITLES, alert.kind),
        subject=alert.subject[:LONGEST_TEXT],
        evidence=_evidence(alert),
        sample=", ".join(alert.sample)[:LONGEST_TEXT],
    )


def _evidence(alert: Alert) -> str:
    said = f"{number(alert.count)} {_word(UNITS, alert.kind)}"
    if alert.usual is not None:
        said += f", usually {alert.usual:,.1f}"
    elif alert.kind in UNITS:
        said += f" in {number(alert.logins)} logins"
    return said if alert.final else f"{said} so far"


def _word(words: Mapping[str, str], kind: str) -> str:
    return words.get(kind, kind[:LONGEST_TEXT])
