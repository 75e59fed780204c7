"""The Kafka clients' log lines: few enough to read."""

import logging

from connectors.client_log import RateLimit


def line(event: str, client: str) -> logging.LogRecord:
    """Return a log line as confluent-kafka makes it."""
    arguments = (event, client, f"{client}: connection refused")
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, "%s [%s] %s", arguments, None)


def test_an_event_that_all_clients_tell_of_is_said_once() -> None:
    """A broker that is away makes one line, not one a client and attempt."""
    lines = RateLimit()
    clients = ("consumer-1", "producer-2", "consumer-1")
    assert [lines.filter(line("FAIL", client)) for client in clients] == [True, False, False]
    assert lines.filter(line("AUTH", "consumer-1"))


def test_what_goes_on_is_said_again_after_a_minute() -> None:
    """An event is logged once per minute for as long as it lasts."""
    times = iter([1_000.0, 1_059.0, 1_061.0, 1_062.0])
    lines = RateLimit(lambda: next(times))
    said = [lines.filter(line("FAIL", "consumer-1")) for _ in range(4)]
    assert said == [True, False, True, False]
