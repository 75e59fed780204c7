"""Who logged in from where: all that the detectors have to know of logins, as columns."""

from dataclasses import dataclass

from models import ProcessedLogin
from operators.batches import LoginBatch
from operators.enrich import UNKNOWN
from operators.event_time import Windowing
from operators.summarise import Logins, Summary, sum_up

__all__ = ["Sightings", "sight", "sightings"]


@dataclass(frozen=True, slots=True)
class Sightings:
    """What crosses workers in place of logins, in their order.

    Attributes:
        users: each login's user id.
        networks: parallel to it, the masked address; None where it isn't known.
        locales: parallel to it; None where it isn't known.
    """

    users: list[str]
    networks: list[str | None]
    locales: list[str | None]

    @property
    def logins(self) -> int:
        """How many logins there were."""
        return len(self.users)


def sight(batch: LoginBatch[ProcessedLogin], windowing: Windowing) -> Summary[Sightings]:
    """Part a batch's logins by window, and keep of each what the detectors need."""
    return sum_up(batch, windowing, sightings)


def sightings(logins: Logins) -> Sightings:
    """Return who logged in from where."""
    return Sightings(
        users=[login.user_id for login in logins],
        networks=[login.masked_ip for login in logins],
        locales=[None if login.locale == UNKNOWN else login.locale for login in logins],
    )
