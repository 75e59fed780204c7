"""How quiet the detectors are on normal logins, how loud on attacks, and how large, in figures.

python -m tests.support.alert_figures --hours 24 --rate 50 --seeds 3 --trials 100
"""

import argparse
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import shake_256
from itertools import islice
from random import Random

import psutil

from dataflows.security import thresholds
from models import Alert, ProcessedLogin
from settings import Settings
from tests.support.alert_run import AlertRun
from tests.support.attacks import (
    START,
    by_user,
    distributed,
    login,
    normal,
    spray,
    travel,
    volley,
)

PARTITIONS = 4
WINDOW = 300
STEP_SECONDS = 10  # of logins read at once from each partition
PLACES = ("NY", "TX", "FR", "DE", "JP", "BR")
HISTORY_SECONDS = 4 * WINDOW  # before an attack, so that it is known what is usual
TRIAL_SECONDS = 8 * WINDOW
FLOODS = (10_000, 100_000, 1_000_000, 3_000_000)
LONG_FLOOD = 1_000_000
FLOOD_BATCH = 2_000


def main() -> None:
    """Print a line for each kind of figure."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--hours", type=int, default=24, help="of normal logins")
    parser.add_argument("--rate", type=int, default=50, help="normal logins per second")
    parser.add_argument("--seeds", type=int, default=3, help="how often, each with other users")
    parser.add_argument("--trials", type=int, default=100, help="of each size of attack")
    options = parser.parse_args()
    for seed in range(options.seeds):
        begin = time.process_time()
        alerts = judge(normal(options.hours * 3_600, options.rate, seed), options.rate)
        seconds = time.process_time() - begin
        print(
            f"normal, seed {seed}: {options.hours} h at {options.rate} logins per second: "
            f"{len(alerts)} false alerts, {seconds:.0f} s of processor time",
            flush=True,
        )
    for size in (1, 2):
        print(detected(size, options.trials), flush=True)
    for count in FLOODS:
        print(flooded(count, newcomer), flush=True)
    print(flooded(LONG_FLOOD, long_names), flush=True)


def judge(logins: Iterable[ProcessedLogin], rate: int) -> list[Alert]:
    """Run the detectors over logins, some seconds at a time."""
    run = AlertRun(PARTITIONS, thresholds(Settings()))
    stream = iter(logins)
    while step := list(islice(stream, rate * STEP_SECONDS)):
        for partition, some in enumerate(by_user(step, PARTITIONS)):
            run.read(partition, some)
    run.end()
    return run.alerts


def detected(size: int, trials: int) -> str:
    """Return how many attacks of so many times the threshold were found, begun at any time."""
    found: Counter[str] = Counter()
    false = 0
    for trial in range(trials):
        begin = START + HISTORY_SECONDS + Random(trial).randrange(2 * WINDOW)  # noqa: S311
        logins = sorted(attacked(begin, size, trial), key=lambda login: login.timestamp)
        kinds = [(alert.kind, alert.subject) for alert in judge(logins, rate=20)]
        found.update({kind for kind, subject in kinds if planted(subject)})
        false += sum(not planted(subject) for _, subject in kinds)
    rates = ", ".join(f"{kind} {count}" for kind, count in sorted(found.items()))
    return f"attacks of {size} x threshold, 2 min each, {trials} trials: {rates}; false {false}"


def attacked(begin: int, size: int, seed: int) -> Iterator[ProcessedLogin]:
    """Return normal logins with an attack of each kind among them."""
    yield from normal(TRIAL_SECONDS, 20, seed)
    yield from spray(begin, users=50 * size)
    yield from distributed(begin, networks=12 * size)
    yield from travel(begin, PLACES[: 3 * size])
    yield from volley(begin, count=200 * size)


def newcomer(number: int) -> ProcessedLogin:
    """A login of a user and a network that no other has."""
    return login(START, f"user-{number:032}", f"{number:x}::")


def long_names(number: int) -> ProcessedLogin:
    """A login with long names, of about as many users and networks as are kept at a time."""
    user, network = f"user {number % 25_000}", f"network {number % 24_000}"
    return login(START, _long(user), _long(network), _long(str(number)))


def _long(name: str) -> str:
    """Return a thousand characters that can't be compressed, the same for the same name."""
    return shake_256(name.encode()).hexdigest(500)


def flooded(count: int, make: Callable[[int], ProcessedLogin]) -> str:
    """Return what a window costs that has so many logins."""
    run, before = AlertRun(PARTITIONS, thresholds(Settings())), _resident_mb()
    begin = time.process_time()
    for first in range(0, count, FLOOD_BATCH):
        partition = first // FLOOD_BATCH % PARTITIONS
        numbers = range(first, first + FLOOD_BATCH)
        run.read(partition, [make(number) for number in numbers])
    read = time.process_time()
    saved = len(pickle.dumps(run.snapshot()))
    snapshot = time.process_time()
    return (
        f"flood of {count:,} ({make.__name__}) in a window and {PARTITIONS} partitions: "
        f"{_resident_mb() - before:.0f} MB more, a snapshot of {saved / 1e6:.1f} MB takes "
        f"{snapshot - read:.2f} s, {(read - begin) / count * 1e6:.0f} us per login"
    )


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


def planted(subject: str) -> bool:
    """Tell whether an alert is about an attack of ours."""
    return subject.startswith(("victim-", "203.0.113.", "198.51.100."))


if __name__ == "__main__":
    main()
