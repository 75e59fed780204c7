"""Each kind of alert by itself: what is reported, with which evidence, and what isn't."""

from collections.abc import Iterable

from models import Alert
from operators.detectors import (
    BUSIEST,
    Busy,
    Span,
    Thresholds,
    busiest,
    many_locales,
    many_networks,
    network_bursts,
    password_sprays,
)
from operators.profiles import NetworkProfile, UserProfile

SPAN = Span(start=1_720_000_200, end=1_720_000_500, final=True)
NETWORK = "203.0.113.0"
LIMITS = Thresholds(
    network_users=3, user_networks=3, user_locales=2, burst_logins=100, burst_factor=10
)
NOTHING: dict[str, int] = {}


def network(users: Iterable[str]) -> NetworkProfile:
    """Return the users of a network."""
    made = NetworkProfile()
    for user in users:
        made.add(user)
    return made


def been(networks: dict[str, int], locales: Iterable[str] = ()) -> tuple[int, UserProfile]:
    """Return where a user has been, with the logins."""
    return sum(networks.values()), UserProfile(networks, dict.fromkeys(locales, 1))


def test_spray_is_told_with_its_evidence() -> None:
    """The network, how many users, how many were too many, and some of them."""
    users = [f"user-{number:02}" for number in range(12)]
    assert password_sprays({NETWORK: (20, network(users))}, SPAN, 12) == [
        Alert(
            kind="password_spray",
            subject=NETWORK,
            window_start="2024-07-03T09:50:00Z",
            window_end="2024-07-03T09:55:00Z",
            count=12,
            threshold=12,
            logins=20,
            usual=None,
            sample=tuple(users[:10]),
            final=True,
        )
    ]


def test_one_user_less_is_no_spray() -> None:
    """However many logins they have."""
    assert password_sprays({NETWORK: (999, network(["a", "b"]))}, SPAN, 3) == []


def test_user_from_many_networks_is_told() -> None:
    """Where no network has a quarter of the logins."""
    networks = {f"192.0.{number}.0": 1 for number in range(5)}
    [alert] = many_networks({"u": been(networks)}, SPAN, 5)
    assert (alert.kind, alert.subject, alert.count, alert.threshold) == ("many_networks", "u", 5, 5)
    assert (alert.logins, alert.sample) == (5, tuple(sorted(networks)))
    assert many_networks({"u": been(networks)}, SPAN, 6) == []


def test_user_with_a_home_network_may_have_many_others() -> None:
    """A quarter of the logins from one of them is a home."""
    others = {f"192.0.{number}.0": 1 for number in range(30)}
    assert many_networks({"u": been({**others, "home": 10})}, SPAN, 12) == []
    assert len(many_networks({"u": been({**others, "home": 9})}, SPAN, 12)) == 1


def test_user_in_many_locales_is_told() -> None:
    """With where it was."""
    users = {"u": been({"n": 4}, ["NY", "FR"]), "v": been({"n": 4}, ["NY"])}
    [alert] = many_locales(users, SPAN, 2)
    assert (alert.kind, alert.subject, alert.count) == ("many_locales", "u", 2)
    assert alert.sample == ("FR", "NY")


def test_burst_is_far_above_the_usual() -> None:
    """Ten times the mean of the windows before, and not a login less."""
    history = [{NETWORK: 10}, {NETWORK: 20}, {NETWORK: 30}]
    assert network_bursts({NETWORK: Busy(199, ("u",))}, history, SPAN, LIMITS) == []
    [alert] = network_bursts({NETWORK: Busy(200, ("u",))}, history, SPAN, LIMITS)
    assert (alert.kind, alert.subject, alert.count) == ("network_burst", NETWORK, 200)
    assert (alert.threshold, alert.usual, alert.sample) == (200, 20, ("u",))


def test_new_network_needs_the_least_number_of_logins() -> None:
    """Ten times nothing is not a burst."""
    history = [NOTHING] * 3
    assert network_bursts({NETWORK: Busy(99, ())}, history, SPAN, LIMITS) == []
    assert len(network_bursts({NETWORK: Busy(100, ())}, history, SPAN, LIMITS)) == 1


def test_nothing_is_a_burst_before_it_is_known_what_is_usual() -> None:
    """Three windows are needed."""
    busy = {NETWORK: Busy(10_000, ())}
    assert network_bursts(busy, [NOTHING] * 2, SPAN, LIMITS) == []


def test_busiest_networks_are_bounded() -> None:
    """The greatest, and of equals the first by name, whatever order they come in."""
    networks = {f"n{number:05}": (number % 7, network(["u"])) for number in range(2 * BUSIEST)}
    kept = busiest(networks)
    assert len(kept) == BUSIEST
    assert kept == busiest(dict(reversed(networks.items())))
    assert min(busy.logins for busy in kept.values()) == 3
