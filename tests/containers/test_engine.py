"""The tests' own container engine: what is left of it when the run is killed."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.flow import PROJECT
from tests.support.processes import start_process
from tests.support.waiting import wait_until

# Runs an engine with a container in it, says where both are, and stays.
OWNER = """
import sys, time
from pathlib import Path
from tests.containers.engine import running_engine
from tests.containers.images import base, import_base
with running_engine() as engine:
    import_base(engine, Path(sys.argv[1]))
    engine.docker("run", "--detach", base(), "sleep", "300")
    print(engine.folder, flush=True)
    time.sleep(300)
"""


def test_nothing_is_left_when_the_run_is_killed(tmp_path: Path) -> None:
    """With the engine's owner its daemons, containers, mounts and cgroups end."""
    before = _mounts()
    owner = start_process(
        [sys.executable, "-c", OWNER, tmp_path], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    folder = Path(owner.stdout.readline().strip())
    first = psutil.Process(int((folder / "namespaces").read_text()))
    processes = [first, *first.children(recursive=True)]
    assert {"dockerd", "containerd", "sleep"} <= {one.name() for one in processes}
    assert _cgroups(folder)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until(lambda: not folder.exists(), "the folder is gone")
    assert not [one for one in processes if one.is_running()]
    assert not _cgroups(folder)
    assert _mounts() == before


def _cgroups(folder: Path) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**/{folder.name}"))


def _mounts() -> str:
    return Path("/proc/self/mounts").read_text()
