"""The panel of the newest alerts, shown if their topic exists."""

from dashboard.alerts import AlertRow
from dashboard.cards import Text, box, card, mark_class
from dashboard.live import ALERTS_SHOWN, View
from dashboard.words import clock

__all__ = ["AlertPanel"]


class AlertPanel:
    """One line per alert, the newest first; its lines are created once and then only changed."""

    def __init__(self) -> None:
        with box("alerts hidden") as self._root, card("Alerts", "alerts-card") as note:
            note.set_text("from the security flow, the newest first; times are starts of windows")
            with box("alert-rows", "ol"):
                self._rows = [_Row() for _ in range(ALERTS_SHOWN)]
            self._nothing = Text("p", "none: nothing unusual was found", "nothing")

    def show(self, view: View) -> None:
        """Show the newest alerts."""
        mark_class(self._root, "hidden", on=not view.reading.alerts)
        for place, row in enumerate(self._rows):
            row.show(view.alerts[place] if place < len(view.alerts) else None, view.now)
        mark_class(self._nothing, "hidden", on=bool(view.alerts))


class _Row:
    def __init__(self) -> None:
        with box("alert hidden", "li") as self._root:
            self._when = Text("span", classes="alert-when")
            self._title = Text("strong", classes="alert-title")
            self._subject = Text("bdi", classes="alert-subject")
            self._evidence = Text("span", classes="alert-evidence")
            self._sample = Text("bdi", classes="alert-sample")

    def show(self, alert: AlertRow | None, now: float) -> None:
        mark_class(self._root, "hidden", on=alert is None)
        if alert is None:
            return
        self._when.set_text(clock(alert.start, now))
        self._title.set_text(alert.title)
        self._subject.set_text(alert.subject)
        self._evidence.set_text(alert.evidence)
        self._sample.set_text(alert.sample)
