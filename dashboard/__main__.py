"""`python -m dashboard`: the live page, on DASHBOARD_HOST and DASHBOARD_PORT, until Ctrl-C."""

import contextlib
import signal
import socket
import sys

import structlog
from nicegui import app, ui

from connectors.connection import Connection
from connectors.refusals import BrokerCheck, RefusedError
from dashboard.live import Live
from dashboard.page import Page
from dashboard.reader import REQUEST_SECONDS, Reader, empty
from logs import configure_logs
from settings import Settings, load_settings
from signals import on_stop_signals

log = structlog.get_logger()

TITLE = "Logins"
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="4" fill="#1173a6"/>'
    '<path d="M3 11l3-4 3 2 4-5" fill="none" stroke="#fff" stroke-width="1.8"/></svg>'
)
RECONNECT_SECONDS = 30.0  # a phone that slept for less resumes where it was


def main() -> None:
    """Read the topics in a thread and serve the page until stopped."""
    settings = load_settings()
    configure_logs(settings)
    _refuse_port_in_use(settings)
    _stop_if_refused(settings)
    live = Live(empty(settings))
    reader = Reader(settings, live)

    @ui.page("/", title=TITLE, response_timeout=10.0)
    def page() -> None:
        Page(live, settings)

    app.on_startup(reader.start)
    app.on_startup(lambda: log.info("serving the live page", address=_address(settings)))
    app.on_shutdown(reader.stop)
    ui.run(
        host=settings.dashboard_host,
        port=settings.dashboard_port,
        title=TITLE,
        favicon=FAVICON,
        dark=None,
        language="en-US",
        reconnect_timeout=RECONNECT_SECONDS,
        show=False,
        reload=False,
        tailwind=False,
        show_welcome_message=False,
    )


def _address(settings: Settings) -> str:
    host = settings.dashboard_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.dashboard_port}"


def _refuse_port_in_use(settings: Settings) -> None:
    """Exit with one line if the page can't be served there; uvicorn would print many."""
    address = (settings.dashboard_host, settings.dashboard_port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        print(
            f"can't serve the page at {_address(settings)} ({error.strerror}): end what listens "
            "there, or set DASHBOARD_HOST and DASHBOARD_PORT",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


def _stop_if_refused(settings: Settings) -> None:
    """Exit with one line if a broker denies us access; one that is away may come back."""
    try:
        with BrokerCheck(Connection(settings)) as check:
            check.answers(REQUEST_SECONDS)
    except RefusedError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    # The server has its own handlers for SIGINT and SIGTERM: it shuts down cleanly, then raises the
    # signal again.
    on_stop_signals(signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        main()
