"""Detects what is unusual in a window: one plain function for each kind of alert."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models import Alert
from operators.enrich import iso_time
from operators.profiles import NetworkProfile, UserProfile

__all__ = [
    "Busy",
    "Span",
    "Thresholds",
    "busiest",
    "many_locales",
    "many_networks",
    "network_bursts",
    "password_sprays",
]

SAMPLE = 10  # of users, networks or locales in an alert
# A user with a quarter of the logins or more in one network is at home there, however many other
# networks there are: a busy account behind a changing mobile address, not one used from everywhere.
HOME_SHARE = 0.25
BUSIEST = 1_000  # how many networks of a window are checked for bursts
MIN_HISTORY = 3  # windows: with fewer it is unknown what is usual

Networks = Mapping[str, tuple[int, NetworkProfile]]
Users = Mapping[str, tuple[int, UserProfile]]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The counts in a window from which on there is an alert.

    Attributes:
        network_users: users of one network.
        user_networks: networks of one user who is at home in none of them.
        user_locales: locales of one user.
        burst_logins: logins from one network, if they are also `burst_factor` times as many as
            usual.
        burst_factor: see burst_logins.
    """

    network_users: int
    user_networks: int
    user_locales: int
    burst_logins: int
    burst_factor: float


@dataclass(frozen=True, slots=True)
class Span:
    """A window: [start, end) in seconds since the epoch, and whether it is closed."""

    start: int
    end: int
    final: bool

    def alert(
        self,
        kind: str,
        subject: str,
        *,
        count: int,
        threshold: int,
        logins: int,
        sample: Iterable[str],
        usual: float | None = None,
    ) -> Alert:
        """Return an alert of this window."""
        return Alert(
            kind=kind,
            subject=subject,
            window_start=iso_time(self.start),
            window_end=iso_time(self.end),
            count=count,
            threshold=threshold,
            logins=logins,
            usual=usual,
            sample=tuple(sorted(sample)[:SAMPLE]),
            final=self.final,
        )


@dataclass(frozen=True, slots=True)
class Busy:
    """A network with many logins in a window.

    Attributes:
        logins: how many.
        sample: some of its users.
    """

    logins: int
    sample: tuple[str, ...]


def password_sprays(networks: Networks, span: Span, limit: int) -> list[Alert]:
    """Return the networks from which many users logged in: one attacker tries many accounts."""
    return [
        span.alert(
            "password_spray",
            network,
            count=users,
            threshold=limit,
            logins=logins,
            sample=profile.sample(SAMPLE),
        )
        for network, (logins, profile) in sorted(networks.items())
        if (users := profile.size()) >= limit
    ]


def many_networks(users: Users, span: Span, limit: int) -> list[Alert]:
    """Return the users who came from many networks and are at home in none: shared or stolen."""
    return [
        span.alert(
            "many_networks",
            user,
            count=len(profile.networks),
            threshold=limit,
            logins=logins,
            sample=profile.networks,
        )
        for user, (logins, profile) in sorted(users.items())
        if len(profile.networks) >= limit and not _at_home(profile)
    ]


def _at_home(profile: UserProfile) -> bool:
    counts = profile.networks.values()
    return max(counts) >= HOME_SHARE * sum(counts)


def many_locales(users: Users, span: Span, limit: int) -> list[Alert]:
    """Return the users who were in many states or countries: nobody travels that fast."""
    return [
        span.alert(
            "many_locales",
            user,
            count=len(profile.locales),
            threshold=limit,
            logins=logins,
            sample=profile.locales,
        )
        for user, (logins, profile) in sorted(users.items())
        if len(profile.locales) >= limit
    ]


def busiest(networks: Networks) -> dict[str, Busy]:
    """Return the 1,000 networks with the most logins; of equals, the first by name."""
    ordered = sorted(networks.items(), key=lambda item: (-item[1][0], item[0]))
    return {
        network: Busy(logins, profile.sample(SAMPLE))
        for network, (logins, profile) in ordered[:BUSIEST]
    }


def network_bursts(
    busy: Mapping[str, Busy],
    history: Sequence[Mapping[str, int]],
    span: Span,
    thresholds: Thresholds,
) -> list[Alert]:
    """Return the networks with far more logins than they usually have.

    Args:
        busy: the window's busiest networks.
        history: logins by network in earlier windows, busiest networks only; their mean is usual.
        span: the window.
        thresholds: what counts as far more.
    """
    if len(history) < MIN_HISTORY:
        return []
    alerts = []
    for network, now in sorted(busy.items()):
        usual = sum(past.get(network, 0) for past in history) / len(history)
        limit = max(thresholds.burst_logins, thresholds.burst_factor * usual)
        if now.logins >= limit:
            alerts.append(
                span.alert(
                    "network_burst",
                    network,
                    count=now.logins,
                    threshold=round(limit),
                    logins=now.logins,
                    sample=now.sample,
                    usual=round(usual, 1),
                )
            )
    return alerts
