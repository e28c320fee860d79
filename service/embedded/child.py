"""A server as a child process: it begins after its predecessor, and ends with its owner."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from service.embedded.folder import open_lock, read_pid, try_lock, write_pid
from service.embedded.identity import OWN, Identity, launch
from service.errors import EmbeddedServerError

_PREDECESSOR_PATIENCE = 20.0

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """Where a server lives, who it is, and how it ends."""

    name: str
    home: Path
    stop_signal: signal.Signals
    #: What the kernel sends when the owner dies without stopping it.
    death_signal: signal.Signals
    #: Seconds an orderly end may take.
    grace: float
    identity: Identity = OWN

    @property
    def log(self) -> Path:
        return self.home / "server.log"


async def predecessor_gone(child: Child) -> None:
    """Wait until nothing of an earlier run lives, and stop what does not stop itself."""
    os.close(await _succeed(child))


async def run(child: Child, command: Sequence[str]) -> None:
    """Run a tool of the server to its end."""
    process = await start(child, command)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if code != 0:
        raise _failed(child, f"could not be set up (exit code {code})")


@asynccontextmanager
async def running(child: Child, command: Sequence[str]) -> AsyncIterator[Process]:
    """Run the server until the block ends."""
    process = await start(child, command)
    try:
        yield process
    finally:
        await stop(process, child)


async def start(child: Child, command: Sequence[str]) -> Process:
    """Start the server, for whoever stops it by `stop`."""
    held = await _succeed(child)
    try:
        with child.log.open("ab") as log:
            # PR_SET_PDEATHSIG follows the thread that spawns, not the process: this
            # runs in the event loop's thread, which has to outlive the server. Never
            # move it to a worker thread.
            process = await asyncio.create_subprocess_exec(
                *launch(child.identity, child.death_signal, child.home),
                *command,
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                env=_environment(),
                pass_fds=(held,),
            )
        write_pid(held, process.pid)
    finally:
        # From here on only the server holds its lock.
        os.close(held)
    return process


async def stop(process: Process, child: Child) -> None:
    """End the server in order, or by force when that takes too long."""
    if process.returncode is not None:
        logger.warning(
            "server ended by itself",
            server=child.name,
            code=process.returncode,
            log=str(child.log),
        )
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(child.stop_signal)
    try:
        async with asyncio.timeout(child.grace):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_ready(
    child: Child,
    process: Process,
    answers: Callable[[], Awaitable[bool]],
    *,
    within: float,
) -> None:
    """Wait until the server *answers*."""
    try:
        async with asyncio.timeout(within):
            while not await answers():
                if process.returncode is not None:
                    raise _failed(child, f"ended with code {process.returncode}")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise _failed(child, f"did not answer within {within:.0f} seconds") from None


async def _succeed(child: Child) -> int:
    # The server and all it forks inherit this lock, so it is free exactly when
    # nothing of an earlier run lives; unlike a pid, it cannot be taken over by a
    # stranger.
    lock = open_lock(child.home / "server.lock")
    try:
        await _await_end_of_predecessor(lock, child)
        write_pid(lock, None)
    except BaseException:
        os.close(lock)
        raise
    return lock


async def _await_end_of_predecessor(lock: int, child: Child) -> None:
    if try_lock(lock):
        return
    pid = read_pid(lock)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, child.stop_signal)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PREDECESSOR_PATIENCE
    while not try_lock(lock):
        if loop.time() > deadline:
            raise EmbeddedServerError(
                f"{child.name} of an earlier run (process {pid}) still works in "
                f"{child.home} and does not stop: end that process, then start again."
            )
        await asyncio.sleep(0.02)


def _environment() -> dict[str, str]:
    # Little is passed on: the owner's environment holds secrets, and names such as
    # PGPORT or CLASSPATH would change what the servers do.
    kept = ("PATH", "LD_LIBRARY_PATH")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return found | {"LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C"}


def _failed(child: Child, what: str) -> EmbeddedServerError:
    lines = child.log.read_text(errors="replace").splitlines()[-10:]
    return EmbeddedServerError(
        f"{child.name} {what}; the last lines of {child.log}:\n" + "\n".join(lines)
    )
