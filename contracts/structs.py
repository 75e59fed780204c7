"""Records that the flow itself has no public struct for: it reads or writes them by hand."""

import msgspec

__all__ = ["DeadLetterHeaders", "UserLogin"]


class UserLogin(msgspec.Struct, frozen=True):
    """A record of the input topic: what producers should send, as JSON in UTF-8.

    A byte-order mark, or a schema registry's header of five bytes, may come before the JSON. A
    record that doesn't satisfy this schema becomes a dead letter, with the reason in its headers:
    `tombstone`, `not_json`, `not_an_object`, `wrong_type`, `too_large`, `missing_user_id`,
    `missing_timestamp` or `invalid_timestamp`. (A few that don't are read all the same: a
    timestamp's text may have more digits, or be written in a few more ways.) Soft faults, named
    with their fields, don't stop a record: it is processed, and its fault is flagged in `quality`.
    Four rules can't be said in JSON Schema: lengths are counted in bytes of UTF-8, an integer's as
    its decimal text; an integer has neither fraction nor exponent; a date is one of the calendar;
    and a timestamp is at most a day past the Kafka record's own (past the time of reading, if that
    is absent or not from 2000 to 9999), or the record is dead for `timestamp_in_future`. Fields
    that aren't named here are ignored, and not copied.

    Attributes:
        user_id: who logs in; any text that isn't empty, or an integer.
        timestamp: when, since the epoch: a number, or its decimal digits as text, in seconds, or in
            milliseconds (above 253402300799) or microseconds (above a thousand times that); or as
            ISO 8601 text, in UTC where it has no offset. A fraction of a second is dropped. Soft
            fault: more than a minute past the Kafka record's own is flagged `timestamp_ahead`.
        app_version: 1 to 4 groups of 1 to 9 digits with dots between, such as 2.3.0. Soft faults:
            another text is flagged `invalid_app_version`; absent, null or empty
            `missing_app_version`.
        device_type: `android`, `iOS`, `web` or `unknown`, without regard to case and surrounding
            space. Soft faults: another text is flagged `unrecognised_device_type`; absent, null or
            empty `missing_device_type`.
        locale: a state or country code. Soft fault: absent, null or empty is flagged
            `missing_locale`.
        device_id: names the device; a text or an integer. Soft fault: absent, null or empty is
            flagged `missing_device_id`.
        ip: an IPv4 address in dotted decimal, or an IPv6 address without a zone id; perhaps with a
            port (`203.0.113.9:51234`, `[2001:db8::1]:443`), or the first of a list with commas;
            only its network leaves the flow. Soft faults: another text is flagged `invalid_ip`;
            absent, null or empty `missing_ip`.
    """

    user_id: str | int
    timestamp: float | str
    app_version: str | None = None
    device_type: str | None = None
    locale: str | None = None
    device_id: str | int | None = None
    ip: str | None = None


class DeadLetterHeaders(
    msgspec.Struct, frozen=True, rename=lambda name: f"dlq.{name}", omit_defaults=True
):
    """The headers that a record of a dead-letter topic has besides its original ones.

    Each is text in UTF-8. Key and value are the input record's, byte for byte; the value is null
    where that was. More reasons may come.

    Attributes:
        reason: why it is a dead letter, as a word for counting.
        detail: the same as a sentence, without any value of the record.
        topic: the topic that the record is on.
        partition: its partition there.
        offset: its offset there.
        timestamp: its timestamp in ms since the epoch; -1 where it has none.
        truncated: what had to be left out; absent where nothing was.
    """

    reason: str
    detail: str
    topic: str
    partition: str
    offset: str
    timestamp: str
    truncated: str = ""
