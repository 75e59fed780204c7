"""The sections of the page, from top to bottom: each is built once and then shows each view."""

from collections.abc import Callable

from nicegui import ui
from nicegui.elements.echart import EChart

from dashboard import charts
from dashboard.cards import NO_VALUE, Figure, Ranking, StateMap, Text, box, card, mark_class
from dashboard.live import View
from dashboard.overview import Overview, ranked
from dashboard.palette import Palette
from dashboard.status import Status, is_late
from dashboard.words import age, clock, number, rate, span
from insights.windows import WINDOWS_KEPT
from settings import Settings

__all__ = ["COUNTS", "Charts", "Figures", "Head", "Places", "Rankings"]

COUNTS = (60, 240, WINDOWS_KEPT)
SMALL_ROWS = 5
COUNTRY_ROWS = 6
OTHER_ROWS = 4
KINDS = ("live", "reading", "away")


class Head:
    """Title, how many windows are shown, and the page's status.

    Args:
        on_count: called with how many windows to show.
    """

    def __init__(self, on_count: Callable[[int], None]) -> None:
        with box("head", "header"):
            with box("head-title"):
                Text("h1", "Logins")
                self._span = Text("p", classes="note span")
            _window_counts(on_count)
            with box("status") as self._status:
                box("dot", "span")
                self._word = Text("strong", classes="status-word")
        with box("banner hidden") as self._banner:
            self._title = Text("strong", classes="banner-title")
            self._text = Text("p", classes="banner-text")

    def show(self, view: View, status: Status) -> None:
        """Show the windows' time span, and the status."""
        for kind in KINDS:
            mark_class(self._status, kind, on=kind == status.kind)
        mark_class(self._banner, "hidden", on=not status.title)
        mark_class(self._banner, "away", on=status.kind == "away")
        self._word.set_text(status.word)
        self._title.set_text(status.title)
        self._text.set_text(status.text)
        self._span.set_text(_span(view.overview))


def _window_counts(on_count: Callable[[int], None]) -> None:
    with box("counts"):
        Text("span", "newest", "note")
        toggle = ui.toggle(
            {count: number(count) for count in COUNTS},
            value=WINDOWS_KEPT,
            on_change=lambda event: on_count(int(event.value)),
        )
        toggle.props("no-caps unelevated toggle-text-color=on-accent")
        toggle.props('aria-label="how many of the newest windows"')
        Text("span", "windows", "note")


def _span(overview: Overview) -> str:
    windows = overview.windows
    if not windows:
        return "no windows yet"
    noun = "window" if len(windows) == 1 else "windows"
    still_open = f", {number(overview.open)} not final" if overview.open else ""
    when = span(windows[0].start, windows[-1].end)
    return f"{number(len(windows))} {noun}, {when} UTC{still_open}"


class Figures:
    """The key figures."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with box("figures"):
            self._rate = Figure("Logins per second", "rate")
            with self._rate.root:
                self._pace = ui.echart({}).classes("pace")
            self._logins = Figure("Logins", "logins")
            self._users = Figure("Unique users", "users")
            self._lag = Figure("Lag", "lag")
            self._fresh = Figure("Newest window", "fresh")

    def show(self, view: View, palette: Palette) -> None:
        """Show what changes from second to second."""
        overview = view.overview
        self._rate.show(rate(view.rate), "", "processed, mean of 10 s")
        draw(self._pace, charts.pace(view.history, palette))
        self._logins.show(
            number(overview.logins), "", f"{number(view.processed)} records processed in total"
        )
        self._users.show(number(overview.unique_users), "", "in these windows, within about 2%")
        self._lag.show(number(view.lag), "", "records not processed yet")
        self._show_freshness(view)

    def _show_freshness(self, view: View) -> None:
        if not view.overview.windows:
            self._fresh.show(NO_VALUE, "", "none yet")
            return
        end = view.overview.windows[-1].end
        value, _, unit = age(view.now - end).partition(" ")
        late = is_late(view, self._settings)
        note = f"ended {clock(end, view.now)} UTC"
        self._fresh.show(
            value, f"{unit} old", f"{note}: no logins since?" if late else note, alarm=late
        )


class Charts:
    """Charts over time."""

    def __init__(self) -> None:
        with card("Logins over time", "half"):
            self._logins = ui.echart({}).classes("chart logins-chart")
        with card("Version adoption over time", "half"):
            self._versions = ui.echart({}).classes("chart versions-chart")

    def show(self, overview: Overview, palette: Palette) -> None:
        """Draw the windows."""
        draw(self._logins, charts.logins(overview, palette))
        draw(self._versions, charts.adoption(overview, palette))


class Places:
    """Where the logins come from."""

    def __init__(self) -> None:
        with card("US states", "map") as self._note:
            self._states = StateMap()
        with box("column-of-cards"):
            with card("Countries", "stretch") as self._countries_note:
                self._countries = Ranking(COUNTRY_ROWS, "none", "countries")
            self._others = _small("Other locales", "none: all are states or countries", "others")

    def show(self, overview: Overview) -> None:
        """Show the logins of all places."""
        places, total = overview.places, overview.logins
        self._states.show(places.states)
        self._note.set_text("a code that is also a country's counts as the state's")
        self._countries.show(ranked(places.countries, total, COUNTRY_ROWS, "{} more countries"))
        self._countries_note.set_text(f"{number(sum(places.countries.values()))} logins")
        self._others.show(ranked(places.others, total, OTHER_ROWS, "{} more"))


class Rankings:
    """Kinds of logins, and their faults."""

    def __init__(self) -> None:
        with box("small-cards"):
            self._devices = _small("Devices", "no logins", "devices")
            self._categories = _small("Version category", "no logins", "categories")
            self._quality = _small("Data quality", "no login had a fault", "quality")
            self._dead = _small("Dead letters", "none: every record was a login", "dead")

    def show(self, overview: Overview) -> None:
        """Show the windows' counts."""
        for ranking, counts in (
            (self._devices, overview.device_types),
            (self._categories, overview.version_categories),
            (self._quality, overview.quality),
        ):
            ranking.show(ranked(counts, overview.logins, SMALL_ROWS, "{} more"))

    def show_dead_letters(self, view: View) -> None:
        """Show the dead letters, which belong to no window."""
        total = sum(view.dead_letters.values())
        self._dead.show(ranked(view.dead_letters, total, SMALL_ROWS, "{} more reasons"))


def _small(title: str, nothing: str, name: str) -> Ranking:
    with card(title, "small"):
        return Ranking(SMALL_ROWS, nothing, name)


def draw(chart: EChart, options: charts.Options) -> None:
    """Set a chart's options; it merges them, and keeps what hasn't changed."""
    chart.options.clear()
    chart.options.update(options)
    chart.update()
