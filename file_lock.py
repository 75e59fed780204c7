"""A lock on an open file or folder that ends with the processes that have it open."""

import fcntl

__all__ = ["try_lock"]


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder without waiting; tell whether that worked.

    The kernel releases the lock when the last descriptor of this open file is closed, also when a
    process is killed. It applies to all processes of this machine, including its containers.

    Args:
        descriptor: of the file or folder; a lock that it already has is replaced.
        shared: whether others may also hold a shared lock.

    Raises:
        OSError: the file system doesn't support such locks.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
