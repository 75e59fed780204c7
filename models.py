"""The records on the topics, as structs: the contract with other programs."""

import msgspec

__all__ = ["Alert", "Insight", "ProcessedLogin", "Progress"]


class ProcessedLogin(msgspec.Struct, frozen=True, gc=False):
    """A record of the output topic: one login, clean and without its raw address.

    Attributes:
        user_id: as it came; an integer as its decimal text, as in device_id.
        device_id: as it came, or `unknown`.
        device_type: `android`, `iOS`, `web` or `unknown`.
        app_version: as it came, or `unknown`.
        version_category: `legacy`, `stable`, `current` or `unknown`.
        locale: as it came, or `unknown`.
        masked_ip: the network's address, IPv4 to /24 and IPv6 to /48, without prefix length; null
            where there is no address, or none that can be read (`invalid_ip`).
        timestamp: when the login happened, in whole seconds since the epoch; the time that was
            sent, even if it is flagged `timestamp_ahead`.
        login_at: the same as ISO 8601, UTC, whole seconds.
        processed_at: when this flow processed it, ISO 8601, UTC.
        quality: the soft faults found, as sorted flags.
    """

    user_id: str
    device_id: str
    device_type: str
    app_version: str
    version_category: str
    locale: str
    masked_ip: str | None
    timestamp: int
    login_at: str
    processed_at: str
    quality: tuple[str, ...]


class Insight(msgspec.Struct, frozen=True):
    """A record of the insights topic: what the logins of one window add up to.

    Each map keeps the 1,000 values that are first by (UTF-8 length, bytes); the others, and values
    over 64 bytes, count under `other`.

    Attributes:
        window_start: the first second, ISO 8601, UTC; also the record's key.
        window_end: the first second after the window.
        logins: how many were in time.
        unique_users: an estimate; standard error 0.8%.
        users_sketch: an Apache DataSketches HLL sketch, base64 in JSON: windows can be merged.
        device_types: logins by device type.
        app_versions: logins by version, as it came.
        version_categories: logins by category.
        locales: logins by locale, as it came.
        quality: logins by quality flag; a login can have several or none.
        final: the window is closed; otherwise the input ended within it, and more may come.
    """

    window_start: str
    window_end: str
    logins: int
    unique_users: int
    users_sketch: bytes
    device_types: dict[str, int]
    app_versions: dict[str, int]
    version_categories: dict[str, int]
    locales: dict[str, int]
    quality: dict[str, int]
    final: bool


class Alert(msgspec.Struct, frozen=True):
    """A record of the alerts topic: what was unusual about one subject in one window.

    Key: `kind/subject/window_start`. A kind and a time have no slash in them, a subject may.

    Attributes:
        kind: `password_spray`, `many_networks`, `many_locales` or `network_burst`.
        subject: the masked network (spray, burst) or the user's id (networks, locales); here and in
            the sample a name over 73 bytes is given as `sha256:HEX:BYTES`, its digest and length.
        window_start: the first second, ISO 8601, UTC.
        window_end: the first second after the window.
        count: what was counted: users (exact up to 100, then within about 2%), networks or locales
            (100 stands for more, too), or logins.
        threshold: what the count had to reach.
        logins: the subject's logins in the window; fewer than there were only where the window
            had more subjects than are counted exactly.
        usual: a burst's: the network's mean logins in up to 12 windows before, those not counted
            in which it wasn't among the 1,000 busiest; else null.
        sample: at most 10 of the users (spray, burst), networks or locales, sorted; fewer or none
            where the window had more names than are kept.
        final: the window is closed; otherwise the input ended within it, and more may come.
    """

    kind: str
    subject: str
    window_start: str
    window_end: str
    count: int
    threshold: int
    logins: int
    usual: float | None
    sample: tuple[str, ...]
    final: bool


class Progress(msgspec.Struct, frozen=True):
    """A record of the progress topic: how far the outputs of one input partition are written.

    Attributes:
        topic: the input topic's name.
        topic_id: the input topic's id, which tells a recreated topic from the old one.
        partition: the input partition.
        offset: the next input offset; all outputs of records before it are written.
        start: the input offset where this partition's state began.
        version: of this record's format.
        transactional_id: whose transaction the record is in; empty with at-least-once delivery,
            and in records of versions whose ids had hyphens.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    start: int
    version: int = 1
    transactional_id: str = ""
