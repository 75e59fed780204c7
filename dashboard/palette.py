"""The charts' colours. HTML takes its colours from style.css, which a canvas can't."""

from dataclasses import dataclass

__all__ = ["DARK", "LIGHT", "Palette"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of all charts.

    Attributes:
        ink: of main text.
        muted: of axis labels.
        line: of grid lines.
        surface: of tooltips.
        accent: of logins.
        second: of users.
        steps: from the oldest version to the newest.
        rest: of everything without its own colour.
    """

    ink: str
    muted: str
    line: str
    surface: str
    accent: str
    second: str
    steps: tuple[str, ...]
    rest: str


LIGHT = Palette(
    ink="#14202b",
    muted="#5d6b7a",
    line="#e6eaef",
    surface="#ffffff",
    accent="#1173a6",
    second="#d97706",
    steps=("#dde8f0", "#c3d9e7", "#a2c7dc", "#7cb2d0", "#539bc1", "#2d84b2", "#0d689a"),
    rest="#e9ecef",
)
DARK = Palette(
    ink="#e8eef4",
    muted="#93a3b3",
    line="#25313d",
    surface="#1d2833",
    accent="#4cb3e6",
    second="#f2b04c",
    steps=("#22323f", "#26415a", "#2a5376", "#2f6794", "#377fb3", "#419ad2", "#58b9ec"),
    rest="#1b252e",
)
