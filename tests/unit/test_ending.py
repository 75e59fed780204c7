"""What a process does once it has said why it ends."""

import subprocess
import sys

ENDING = """
from functools import partial
from threading import Event, Thread
from connectors.stopping import before_exit, block_if_ending, stop_process

ends, went_on = Event(), Event()
block_if_ending()  # nothing ends yet

def read():
    block_if_ending()
    went_on.set()

def see_that_others_wait():
    second = partial(stop_process, "a second line", partial(print, "noted again"))
    others = [Thread(target=read), Thread(target=second)]
    for other in others:
        other.daemon = True
        other.start()
        other.join(0.2)
    assert all(other.is_alive() for other in others) and not went_on.is_set()
    print("they wait", flush=True)

before_exit(see_that_others_wait)
stop_process("the first line", partial(print, "noted"))
"""


def test_once_the_process_ends_nothing_more_is_read_or_said() -> None:
    """While the last look at the metrics is awaited, no worker reads on and no other line comes."""
    command = [sys.executable, "-c", ENDING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("noted\n")
    assert "the first line" in done.stdout
    assert "noted again" not in done.stdout
    assert "a second line" not in done.stdout
    assert done.stdout.endswith("they wait\n"), done.stdout + done.stderr
