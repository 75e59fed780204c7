"""The AsyncAPI document: all topics, what is on them, and who writes and reads it."""

from typing import Any

from contracts.records import RECORDS, Record

__all__ = ["VERSION", "make_document"]

VERSION = "2.0.0"  # of the contracts, not of the program: additions raise the second number
BINDING_VERSION = "0.5.0"

Object = dict[str, Any]


def make_document() -> Object:
    """Return the document; the schemas of its payloads are in files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Login stream processor",
            "version": VERSION,
            "description": (
                "Raw logins in; clean logins, insights, alerts and dead letters out. Topics have "
                "their default names here; settings can change them. Values are JSON in UTF-8. "
                "Read with isolation.level=read_committed, and pass over fields that you don't "
                "know: later versions may add some."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "localhost:29092",
                "protocol": "kafka",
                "description": "what make kafka and docker compose start",
            }
        },
        "channels": {record.name: _channel(record) for record in RECORDS},
        "operations": dict(map(_operation, RECORDS)),
        "components": {"messages": {record.name: _message(record) for record in RECORDS}},
    }


def _channel(record: Record) -> Object:
    """Return a topic; the progress topic's name has the group's in it."""
    named_by = f", which {record.setting.upper()} names" if record.setting else ""
    channel: Object = {
        "address": record.topic,
        "description": f"The topic of {record.struct.__name__} records{named_by}.",
        "messages": {record.name: {"$ref": f"#/components/messages/{record.name}"}},
    }
    if record.name == "progress":
        channel["address"] = "{group}-progress"
        group = {
            "description": "KAFKA_GROUP_ID; of the security flow with -security",
            "default": "login-processor-group",
        }
        channel["parameters"] = {"group": group}
    if record.configuration:
        channel["bindings"] = {"kafka": _topic_configuration(record)}
    return channel


def _topic_configuration(record: Record) -> Object:
    return {
        "topicConfiguration": {
            "cleanup.policy": [record.configuration["cleanup.policy"]],
            "retention.ms": int(record.configuration["retention.ms"]),
        },
        "bindingVersion": BINDING_VERSION,
    }


def _operation(record: Record) -> tuple[str, Object]:
    """Return what this program does with the topic."""
    verb = "send" if record.written else "receive"
    return f"{verb}-{record.name}", {
        "action": verb,
        "channel": {"$ref": f"#/channels/{record.name}"},
    }


def _message(record: Record) -> Object:
    schema = {"$ref": f"./{record.file}"}
    key = {"type": "string", "description": record.key}
    message: Object = {
        "name": record.struct.__name__,
        "bindings": {"kafka": {"key": key, "bindingVersion": BINDING_VERSION}},
    }
    if record.of_headers:
        return {
            **message,
            "contentType": "application/octet-stream",
            "headers": schema,
            "payload": {"description": "the input record's value, byte for byte; null for none"},
        }
    return {**message, "payload": schema}
