"""A day of sample logins as insights, for screenshots: made by the flow's own operators."""

from collections.abc import Iterator
from itertools import islice
from random import Random

import msgspec

from models import Insight, ProcessedLogin
from operators.batches import Reject
from operators.decode import decode
from operators.enrich import enrich
from operators.event_time import Windowing
from operators.insights import iso_time, make_insight
from operators.stats import LoginStats
from producer.generator import Login, logins
from producer.history import daily_curve

__all__ = ["DEAD_LETTERS", "sample_insights"]

SEED = 7
MEAN_LOGINS = 420  # of a minute
NOISE = 0.07
UPDATED = ("2.4.0", "2.5.0")  # a release that came out during the sample replaces older ones
DEAD_LETTERS = {
    "not_json": 41,
    "missing_user_id": 23,
    "invalid_timestamp": 17,
    "timestamp_in_future": 9,
    "wrong_type": 4,
    "tombstone": 2,
}
ODD_LOCALES = ("unknown", "en-US", "Texas", "XX")


def sample_insights(count: int, until: int, windowing: Windowing) -> Iterator[Insight]:
    """Yield the insights of `count` windows, the last of which ends at `until`."""
    rng = Random(SEED)  # noqa: S311  # sample data
    clock = {"now": 0}
    source = logins(rng, lambda: clock["now"])
    first = until - count * windowing.seconds
    for place in range(count):
        start = clock["now"] = first + place * windowing.seconds
        stats = LoginStats()
        many = round(MEAN_LOGINS * daily_curve(start) * rng.gauss(1, NOISE))
        stats.add(list(_clean(islice(source, many), rng, place / count)))
        yield make_insight(start, stats, windowing, final=True)


def _clean(raw: Iterator[Login], rng: Random, progress: float) -> Iterator[ProcessedLogin]:
    for login in raw:
        if rng.random() < 0.004:
            login["locale"] = rng.choice(ODD_LOCALES)
        if rng.random() < progress * 0.6:
            login["app_version"] = "2.4.0"
        if rng.random() < 0.003:
            login["app_version"] = "dev-build"
        if rng.random() < 0.002:
            del login["device_id"]
        decoded = decode(msgspec.json.encode(login), int(login["timestamp"]) * 1_000)
        if not isinstance(decoded, Reject):
            yield enrich(decoded, iso_time(0))
