"""Who logged in from where: what the detectors need to know about logins, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import ProcessedLogin
from operators.batches import LoginBatch
from operators.enrich import UNKNOWN
from operators.event_time import Windowing
from operators.names import kept_names
from operators.summarise import Logins, Summary, sum_up

__all__ = ["LoginColumns", "login_columns", "summarise_columns"]

NOT_KNOWN = ""  # no network has this name


@dataclass(frozen=True, slots=True)
class LoginColumns:
    """What crosses workers instead of logins, in their order.

    Attributes:
        users: each login's user id, like the next two as returned by `kept_name`.
        networks: parallel to users: masked addresses; None where unknown.
        locales: parallel to users; None where unknown.
    """

    users: Sequence[str]
    networks: Sequence[str | None]
    locales: Sequence[str | None]

    @property
    def logins(self) -> int:
        """How many logins there were."""
        return len(self.users)


def summarise_columns(
    batch: LoginBatch[ProcessedLogin], windowing: Windowing
) -> Summary[LoginColumns]:
    """Split a batch's logins by window, and keep of each what the detectors need."""
    return sum_up(batch, windowing, login_columns)


def login_columns(logins: Logins) -> LoginColumns:
    """Return who logged in from where."""
    networks = kept_names([login.masked_ip or NOT_KNOWN for login in logins])
    locales = kept_names([login.locale for login in logins])
    return LoginColumns(
        users=kept_names([login.user_id for login in logins]),
        networks=[network or None for network in networks],
        locales=[None if locale == UNKNOWN else locale for locale in locales],
    )
