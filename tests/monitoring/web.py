"""The monitoring port, asked as a probe or Prometheus asks it."""

import urllib.error
import urllib.request
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Answer", "ask", "sample"]

ASK_SECONDS = 60.0  # a busy machine is not a failure

Answer = tuple[int, str]


def ask(port: int, path: str, host: str = "127.0.0.1") -> Answer:
    """Return status and text of an answer; status 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=ASK_SECONDS) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def sample(ports: Iterable[int], name: str, **labels: str) -> float:
    """Return the sum of a sample over processes and over the labels that aren't given."""
    return sum(
        found.value
        for port in ports
        for family in text_string_to_metric_families(ask(port, "/metrics")[1])
        for found in family.samples
        if found.name == name and labels.items() <= found.labels.items()
    )
