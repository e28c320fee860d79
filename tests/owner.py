"""A process of its own that owns an embedded server, so that tests can kill it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_ROOT = Path(__file__).parents[1]
# On uvloop, as the service runs. It prints the server's address and stays.
_SCRIPT = """
import asyncio, sys, uvloop
from pathlib import Path
from service.embedded.{server} import {server}

async def main():
    async with {server}(Path(sys.argv[1])) as address:
        print(address, flush=True)
        await asyncio.Event().wait()

uvloop.run(main())
"""


@contextmanager
def owner(server: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a process that owns a *server* in *folder*; yield it and the address."""
    with subprocess.Popen(  # noqa: S603  # every word is ours
        [sys.executable, "-c", _SCRIPT.format(server=server), str(folder)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def servers_in(folder: Path) -> list[str]:
    """Return the processes that work in *folder*."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue
    return found


async def no_server_in(folder: Path) -> bool:
    return not servers_in(folder)
