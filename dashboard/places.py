"""Where locales are: US states on a grid of tiles, countries by name, and others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["STATE_TILES", "Places", "country_names", "sort_places"]

COUNTRY_FILE = Path(__file__).parent / "iso3166.tab"  # of the tz database, in the public domain

# Each tile is three characters wide: a state's two letters, or dots, and a space.
_STATE_MAP = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. ..
"""

STATE_TILES: Mapping[str, tuple[int, int]] = {
    state: (row, column)
    for row, line in enumerate(_STATE_MAP.split("\n")[1:-1], 1)
    for column, state in enumerate(line.split(), 1)
    if state != ".."
}
"""Row and column of each state, from 1, by its code."""


@dataclass(frozen=True, slots=True)
class Places:
    """Logins by place.

    Attributes:
        states: by code; a code that is also a country's counts here.
        countries: by name.
        others: by value, for values that are neither.
    """

    states: Mapping[str, int]
    countries: Mapping[str, int]
    others: Mapping[str, int]


def sort_places(locales: Mapping[str, int]) -> Places:
    """Sort logins by locale into states, countries and the rest."""
    names = country_names()
    return Places(
        states={code: count for code, count in locales.items() if code in STATE_TILES},
        countries={
            names[code]: count
            for code, count in locales.items()
            if code in names and code not in STATE_TILES
        },
        others={
            value: count
            for value, count in locales.items()
            if value not in names and value not in STATE_TILES
        },
    )


@cache
def country_names() -> Mapping[str, str]:
    """Return the countries' English names by ISO 3166 code."""
    lines = COUNTRY_FILE.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if not line.startswith("#"))
    return {code: name for code, name in pairs}  # noqa: C416  # a pair is a list to the type checker
