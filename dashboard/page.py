"""The page: its layout, and how it follows the state."""

from pathlib import Path

from nicegui import ui
from nicegui.events import GenericEventArguments

from dashboard.alert_panel import AlertPanel
from dashboard.cards import Text, box, mark_class
from dashboard.live import Live
from dashboard.palette import DARK, LIGHT, Palette
from dashboard.sections import Charts, Figures, Head, Places, Rankings
from dashboard.status import status
from dashboard.words import number
from insights.windows import WINDOWS_KEPT
from settings import Settings

__all__ = ["Page"]

REFRESH_SECONDS = 0.5
STYLE = Path(__file__).parent / "style.css"
# Tells the server whether the system is in dark mode, now and whenever that changes.
TELL_SCHEME = """
const dark = matchMedia("(prefers-color-scheme: dark)");
const tell = () => emitEvent("scheme", dark.matches);
dark.addEventListener("change", tell);
tell();
"""


class Page:
    """One visitor's page, built empty and filled once the browser is connected.

    Args:
        live: the state to show.
        settings: name the topics.
    """

    def __init__(self, live: Live, settings: Settings) -> None:
        self._live = live
        self._settings = settings
        self._count = WINDOWS_KEPT
        self._palette: Palette | None = None
        self._shown: object = None  # which windows are shown, and how
        ui.add_css(STYLE)
        with box("page", "main"):
            self._head = Head(self._on_count)
            self._figures = Figures(settings)
            self._alerts = AlertPanel()
            with box("windows") as self._windows:
                self._charts = Charts()
                self._places = Places()
                self._rankings = Rankings()
            self._foot = Text("footer", classes="note foot")
        ui.on("scheme", self._on_scheme)
        ui.context.client.on_connect(lambda: ui.run_javascript(TELL_SCHEME))
        ui.timer(REFRESH_SECONDS, self._refresh)

    def _on_scheme(self, event: GenericEventArguments) -> None:
        self._palette = DARK if event.args else LIGHT
        self._refresh()

    def _on_count(self, count: int) -> None:
        self._count = count
        self._refresh()

    def _refresh(self) -> None:
        """Show the current state; only changes are sent."""
        if self._palette is None:
            return
        view = self._live.view(self._count)
        self._head.show(view, status(view, self._settings))
        self._figures.show(view, self._palette)
        self._alerts.show(view)
        self._rankings.show_dead_letters(view)
        self._foot.set_text(self._remarks(view.unreadable))
        shown = (view.revision, self._count, self._palette)
        if shown != self._shown:
            self._shown = shown
            mark_class(self._windows, "without", on=not view.overview.windows)
            self._charts.show(view.overview, self._palette)
            self._places.show(view.overview)
            self._rankings.show(view.overview)

    def _remarks(self, unreadable: int) -> str:
        kept = f"Times are UTC. The newest {number(WINDOWS_KEPT)} windows are shown."
        if not unreadable:
            return kept
        return f"{kept} {number(unreadable)} records could not be read and are left out."
