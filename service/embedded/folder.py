"""A server's folder: one owner at a time, held by a lock that dies with its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import EmbeddedServerError


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create *folder* for its owner's eyes only, own it, and yield its absolute path.

    Raises:
        EmbeddedServerError: Another process owns it; the message names both.
    """
    lock = _open(folder)
    try:
        if not try_lock(lock):
            raise EmbeddedServerError(
                f"{folder} is in use by process {read_pid(lock) or '(unknown)'}: stop "
                "that process, or choose another folder with "
                "ORDER_TRACKING_DATA_FOLDER."
            )
        write_pid(lock, os.getpid())
        yield folder.absolute()
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_lock(folder / "lock")
    except OSError as error:
        raise EmbeddedServerError(
            f"{folder} cannot be used ({error.strerror}): make it writable, or choose "
            "another folder with ORDER_TRACKING_DATA_FOLDER."
        ) from error


def open_lock(path: Path) -> int:
    """Open a lock file without locking it; the caller closes it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(lock: int) -> bool:
    """Lock an open file; it stays locked while anyone who inherited it lives."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_pid(lock: int, pid: int | None) -> None:
    """Say in the lock file who holds it."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"" if pid is None else b"%d\n" % pid, 0)


def read_pid(lock: int) -> int | None:
    """Return the pid that the holder wrote, if it has."""
    written = os.pread(lock, 32, 0).strip()
    return int(written) if written else None
