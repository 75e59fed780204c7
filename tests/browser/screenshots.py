"""`python -m tests.browser.screenshots`: the pictures in docs/images, from a real page and Kafka.

Starts a Kafka of its own, writes a day of sample insights, lets a sample of progress run, opens the
page in headless Chromium, and takes one picture for each of SHOTS.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from playwright.sync_api import Browser, sync_playwright

from connectors.progress import progress_key
from local_kafka import LocalKafka
from models import Progress
from operators.event_time import Windowing
from settings import Settings
from tests.browser.chromium import find_chromium, launch
from tests.browser.sample import DEAD_LETTERS, sample_insights

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WINDOWS = 960
PARTITIONS = 4
SAMPLE_INPUT = 500_000  # about the total of the sample windows
PACE_SECONDS = 0.5
SETTLE_SECONDS = 45.0  # until the live rate is known
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Shot:
    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


SHOTS = (
    _Shot("dashboard-light", 1440, 1040, "light"),
    _Shot("dashboard-dark", 1440, 1040, "dark"),
    _Shot("dashboard-phone", 390, 844, "light"),
)


def main() -> None:
    """Take all pictures."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium: install your system's package (apt-get install chromium)")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder) / "kafka") as kafka:
        servers = kafka.bootstrap_servers
        _make_topics(servers, settings)
        with _sample(servers, settings), _page(servers, Path(folder)) as address:
            time.sleep(SETTLE_SECONDS)
            with sync_playwright() as playwright:
                _take(launch(playwright, chromium), address)


def _make_topics(servers: str, settings: Settings) -> None:
    compacted = {"cleanup.policy": "compact"}
    many = {"num_partitions": PARTITIONS}
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.create_topics(
            {
                settings.input_topic: many,
                settings.dead_letter_topic: many,
                settings.progress_topic: {**many, "configs": compacted},
                settings.insights_topic: {"num_partitions": 1, "configs": compacted},
            },
            wait_for_metadata=True,
        )


@contextmanager
def _sample(servers: str, settings: Settings) -> Iterator[None]:
    """Fill the topics, and keep writing progress while the block runs."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20)
    windowing = Windowing(settings.window_seconds, settings.allowed_lateness_seconds)
    for found in sample_insights(WINDOWS, windowing.start(int(time.time())), windowing):
        key, value = found.window_start.encode(), msgspec.json.encode(found)
        producer.send(settings.insights_topic, value, key=key)
    for reason, count in DEAD_LETTERS.items():
        for _ in range(count):
            headers = [("dlq.reason", reason.encode())]
            producer.send(settings.dead_letter_topic, b"{", headers=headers)
    producer.flush()
    stop = threading.Event()
    thread = threading.Thread(target=_progress, args=(producer, settings, stop))
    thread.start()
    yield
    stop.set()
    thread.join()
    producer.close()


def _progress(producer: KafkaProducer, settings: Settings, stop: threading.Event) -> None:
    """Write input, and progress a little behind it, until stopped."""
    written, count = 0, SAMPLE_INPUT // PARTITIONS
    while not stop.is_set():
        for partition in range(PARTITIONS):
            for _ in range(count):
                producer.send(settings.input_topic, b"{}", partition=partition)
            if not written:
                continue  # the first progress says where it begins, not how fast it is
            progress = Progress(settings.input_topic, "", partition, written, 0)
            producer.send(
                settings.progress_topic,
                msgspec.json.encode(progress),
                key=progress_key(settings.input_topic, partition).encode(),
                partition=partition,
            )
        written += count
        count = 1 + (written % 3 == 0)  # a slightly uneven rate
        producer.flush()
        stop.wait(PACE_SECONDS)


@contextmanager
def _page(servers: str, folder: Path) -> Iterator[str]:
    """Serve the page while the block runs; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "DASHBOARD_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "dashboard"], env=environment, cwd=folder)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _take(browser: Browser, address: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        page = browser.new_page(
            viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme
        )
        page.goto(address)
        page.locator(".status.live").wait_for()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1_000)  # the charts' first frame
        page.screenshot(path=IMAGES / f"{shot.name}.png")
        page.close()
        print(f"docs/images/{shot.name}.png")
    browser.close()


if __name__ == "__main__":
    main()
