"""Ports for what tests start: each is given once in a run, and none to two of its workers."""

import os
import random
import socket
from itertools import cycle

__all__ = ["unused_pair", "unused_port"]

# Below those that local brokers choose from, and those that outgoing connections are given.
CHOICE = range(12_000, 20_000)


def _of_this_worker() -> list[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = len(CHOICE) // workers
    own = CHOICE[worker * share : (worker + 1) * share]
    return random.sample(own, len(own))  # another run on this machine has another order


_ports = cycle(_of_this_worker())


def unused_port() -> int:
    """Return a port of this machine that nothing listens on."""
    return next(port for port in _ports if _is_free(port))


def unused_pair() -> int:
    """Return a port that nothing listens on, nor on the one after it."""
    return next(port for port in _ports if _is_free(port) and _is_free(port + 1))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
