"""Serves metrics and health over HTTP, if `METRICS_PORT` is set."""

import sys
import time
from argparse import Namespace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6
from socketserver import TCPServer
from threading import Condition, Event
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from background import run_in_background
from connectors.stopping import before_exit
from monitoring.about import set_process_metrics
from monitoring.health import HEALTH
from settings import Settings

__all__ = ["MonitoringServer", "own_port", "serve_monitoring"]

log = structlog.get_logger()

REQUEST_SECONDS = 10.0
# A process whose metrics say why it ends waits for one more scrape, so that the reason is seen; but
# not if nobody scrapes it.
LAST_SCRAPE_SECONDS = 20.0
RECENT_SCRAPE_SECONDS = 60.0


def serve_monitoring(settings: Settings, arguments: Namespace, draining: Event) -> None:
    """Serve metrics and health from a thread; does nothing if METRICS_PORT is unset.

    Args:
        settings: the process's settings.
        arguments: of the engine's command line, checked.
        draining: once set, the process is no longer ready.

    Raises:
        SystemExit: with one line, when the port is taken.
    """
    if settings.metrics_port is None:
        return
    HEALTH.drains_when(draining.is_set)
    recovery = arguments.recovery_directory
    set_process_metrics(settings, Path(recovery) if recovery is not None else None)
    port = own_port(settings.metrics_port, int(arguments.process_id or 0), arguments.addresses)
    server = _open(settings.metrics_host, port)
    before_exit(server.await_last_scrape)
    run_in_background("monitoring", server.serve_forever)
    log.info("metrics and health are served", host=settings.metrics_host, port=port)


def own_port(first: int, process: int, addresses: str | None) -> int:
    """Return a process's port: processes of a cluster on one host get one port each, counting up.

    Where each has its own host, as in Kubernetes, all have the same port.

    Args:
        first: METRICS_PORT.
        process: which of the addresses is this process's.
        addresses: HOST:PORT of each process of the cluster, separated by `;`; None without one.
    """
    hosts = [address.rpartition(":")[0] for address in (addresses or ":").split(";")]
    return first + hosts[:process].count(hosts[process])


class MonitoringServer(ThreadingHTTPServer):
    """Answers /metrics, /live and /ready.

    Args:
        host: where to listen.
        port: where to listen; 0 takes any.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = AF_INET6 if ":" in host else AF_INET
        super().__init__((host, port), _Handler)
        self._scraped_at = -RECENT_SCRAPE_SECONDS
        self._scraped = Condition()

    def server_bind(self) -> None:
        """Bind; the base class would also look up this machine's name."""
        TCPServer.server_bind(self)

    def handle_error(self, _request: Any, client: Any) -> None:
        """Log one line instead of a traceback; nothing if the client went away."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error(
                "a request to the monitoring port failed", client=client[0], error=repr(error)
            )

    def scraped(self, asked: float) -> None:
        """Note that the metrics were scraped, as they were at this time."""
        with self._scraped:
            self._scraped_at = max(asked, self._scraped_at)
            self._scraped.notify_all()

    def await_last_scrape(self) -> None:
        """Wait, for a while, until the metrics that say why this process ends are scraped."""
        now = time.monotonic()
        with self._scraped:
            watched = now - self._scraped_at < RECENT_SCRAPE_SECONDS
            if HEALTH.ends and watched:
                self._scraped.wait_for(lambda: self._scraped_at > now, LAST_SCRAPE_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    server: MonitoringServer
    timeout = REQUEST_SECONDS  # for a client that sends nothing

    def do_GET(self) -> None:
        """Answer a request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            asked = time.monotonic()
            self._answer(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST)
            self.server.scraped(asked)
        elif path == "/live":
            self._answer_state("live", HEALTH.stuck())
        elif path == "/ready":
            self._answer_state("ready", HEALTH.unready())
        else:
            self._answer(404, b"not found: try /metrics, /live or /ready\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Log nothing: probes come every few seconds."""

    def _answer_state(self, state: str, why_not: str | None) -> None:
        text = state if why_not is None else f"not {state}: {why_not}"
        self._answer(200 if why_not is None else 503, f"{text}\n".encode())

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _open(host: str, port: int) -> MonitoringServer:
    try:
        return MonitoringServer(host, port)
    except (OSError, OverflowError) as error:  # the latter if there is no such port
        raise SystemExit(
            f"can't serve metrics at {host}:{port}: {error}: set METRICS_PORT to "
            "a port that is free (further processes of a cluster on one host take the ports after "
            "it), METRICS_HOST to an address of this machine, or neither"
        ) from None
