"""Every kind of message that the record contract names a fate for, with that fate.

The producer mixes these in with `--bad-ratio`; tests send them all and compare. The contract is
docs/records.md; nothing here looks at the flow's code, so that one checks the other.
"""

from producer.hostile._build import RECORD, HostileMessage
from producer.hostile._fields import field_faults
from producer.hostile._json import json_faults
from producer.hostile._records import hostile_records

__all__ = ["RECORD", "HostileMessage", "hostile_messages"]


def hostile_messages(now: int) -> tuple[HostileMessage, ...]:
    """The whole catalogue, with `now` (epoch seconds) as the time of every login in it.

    The same `now` gives the same bytes. A login's own time is never later than `now`, unless it is
    to be rejected, so that sending the catalogue makes no other login late.
    """
    return (*json_faults(now), *field_faults(now), *hostile_records(now))
