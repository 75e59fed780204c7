"""The records on the topics, as structs: what stands here is the contract with other programs."""

import msgspec

__all__ = ["ProcessedLogin", "Progress"]


class ProcessedLogin(msgspec.Struct, frozen=True):
    """A record of the output topic: one login, clean and without its raw address.

    Attributes:
        user_id: as it came.
        device_id: as it came, or `unknown`.
        device_type: `android`, `iOS` or `unknown`.
        app_version: as it came, or `unknown`.
        version_category: `legacy`, `stable`, `current` or `unknown`.
        locale: as it came, or `unknown`.
        masked_ip: the network's address, IPv4 to /24 and IPv6 to /48, without prefix length.
        timestamp: when the login happened, in whole seconds since the epoch.
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
    quality: list[str]


class Progress(msgspec.Struct, frozen=True):
    """A record of the progress topic: how far the outputs of one input partition are written.

    Attributes:
        topic: the input topic's name.
        topic_id: the input topic's id, which tells a recreated topic from the old one.
        partition: the input partition.
        offset: the next input offset; all outputs of records before it are written.
        start: the input offset where this partition's state began.
        version: of this record's format.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    start: int
    version: int = 1
