"""A PostgreSQL that is killed and started again, on a disk that fills up."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import psutil

from service.embedded.postgres import postgres

_MEGABYTE = 1024 * 1024


class Postgres:
    """A server whose data lies in *folder*; what it acknowledged survives its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / ".s.PGSQL.5432"
        self.dsn = ""
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        self.dsn = await self._stack.enter_async_context(postgres(self.folder))

    async def end(self, how: signal.Signals) -> None:
        """Send the postmaster a signal, and wait until it is gone."""
        process = self._postmaster()
        if process is not None:
            process.send_signal(how)
            await asyncio.to_thread(psutil.wait_procs, [process], 30)
        await self._stack.aclose()

    def is_alive(self) -> bool:
        return self._postmaster() is not None

    def _postmaster(self) -> psutil.Process | None:
        try:
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process


class Disk:
    """A file system of its own, small enough to be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Take all the room that is left."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (_MEGABYTE, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def disk(folder: Path, *, megabytes: int) -> Iterator[Disk | None]:
    """Mount a small disk on *folder*; None where this machine does not permit it."""
    folder.mkdir(mode=0o755)
    options = f"size={megabytes}m,mode=0755"
    mounted = subprocess.run(  # noqa: S603  # every word is ours
        ("/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)),
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(("/bin/umount", "-l", str(folder)), check=True)  # noqa: S603
