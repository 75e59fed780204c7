"""Checks the engine's command line for what the engine accepts although it can't work."""

from argparse import Namespace
from collections.abc import Set
from pathlib import Path
from threading import Event

from dataflows.folder_lock import Member, lock_recovery_folder
from dataflows.recovery_folder import check_recovery_folder, require_recovery_files
from dataflows.uncommitted_state import forget_uncommitted

__all__ = ["check_command_line"]


def check_command_line(arguments: Namespace, steps: Set[str], draining: Event) -> None:
    """Refuse a command line with which the engine would do nothing or print a traceback.

    The recovery folder is locked until the process ends, and state that the engine would wrongly
    resume from is deleted from it.

    Args:
        arguments: of `python -m bytewax.run`, as it parsed them.
        steps: ids of the flow's stateful steps.
        draining: ends the wait for a recovery folder that is in use.

    Raises:
        SystemExit: with one line that says what to do.
    """
    _check_workers(arguments.workers_per_process)
    _check_processes(arguments.process_id, arguments.addresses)
    if (folder := arguments.recovery_directory) is not None:
        _take_recovery_folder(Path(folder), _member(arguments), steps, draining)


def _member(arguments: Namespace) -> Member:
    addresses = arguments.addresses
    if addresses is None or ";" not in addresses:
        return Member()
    return Member(int(arguments.process_id), addresses)


def _take_recovery_folder(folder: Path, member: Member, steps: Set[str], draining: Event) -> None:
    """Lock the folder, refuse state that is incompatible with the flow, and clean the folder."""
    alone = member.addresses is None
    empty = member.number > 0  # process 0 may have the state of all

    def check() -> None:
        check_recovery_folder(folder, steps, whole=alone, empty=empty)

    require_recovery_files(folder, empty=empty)
    lock_recovery_folder(folder, member, draining, check, lambda: forget_uncommitted(folder))


def _check_workers(workers: int | str | None) -> None:
    """`-w 0` starts nothing and exits 0; from the environment the number comes as text."""
    if workers is not None and (not str(workers).isdecimal() or int(workers) < 1):
        raise SystemExit(f"-w {workers}: the number of workers has to be 1 or more")


def _check_processes(process: int | str | None, addresses: str | None) -> None:
    if addresses is None:
        return
    known = addresses.split(";")
    if process is None:
        raise SystemExit("-a needs -i N: say which of the addresses is this process's")
    if not str(process).isdecimal() or int(process) >= len(known):
        raise SystemExit(
            f"-i {process}: with {len(known)} addresses in -a it has to be 0 to {len(known) - 1}"
        )
    for address in known:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise SystemExit(f"-a {address}: an address is HOST:PORT, several have ; between them")
