"""A lock on an open file or folder that ends with the processes that hold it open."""

import fcntl

__all__ = ["try_lock"]


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder; tell whether that worked, and don't wait.

    The kernel ends the lock when the last descriptor of this opening is closed, which a killed
    process's are. It holds between processes of this machine, its containers among them.

    Args:
        descriptor: of the file or folder; a lock that it has already is replaced.
        shared: whether others may hold a shared lock on it too.

    Raises:
        OSError: the file system has no such locks.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
