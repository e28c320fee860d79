"""Filling in processes of their own: folding is what takes the time, on one core each."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from subprocess import Popen
from typing import Any, TypeAlias

from service.db import open_pool
from service.errors import ServiceError, UnavailableError
from service.garbage import collect_seldom
from service.project.filling import Filler, Limits, Streams, fill

Channel: TypeAlias = "Connection[Any, Any]"
"""First it takes the DSN and the limits, then streams, and tells what became of each."""


@contextmanager
def workers(dsn: str, limits: Limits, *, count: int) -> Iterator[list[Filler]]:
    """Run *count* processes that fill what they are told to, for as long as the block.

    They end with this process, however that ends: each reads from it, and meets the end.
    """
    with ExitStack() as processes:
        channels = [processes.enter_context(_worker()) for _ in range(count)]
        for channel in channels:
            channel.send((dsn, limits))
        yield [_filler(channel) for channel in channels]


@contextmanager
def _worker() -> Iterator[Channel]:
    ours, theirs = Pipe()
    # One that multiprocessing starts would import the whole command line first.
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    with Popen(command, pass_fds=[theirs.fileno()]) as process:  # noqa: S603 - ourselves
        theirs.close()
        try:
            yield ours
        finally:
            process.terminate()


def _filler(channel: Channel) -> Filler:
    async def filler(streams: Streams) -> Counter[int]:
        try:
            channel.send(streams)
            answer: Counter[int] | ServiceError = await asyncio.to_thread(channel.recv)
        except (EOFError, OSError) as error:
            raise UnavailableError(
                "A process that fills the read model died; start the rebuild again."
            ) from error
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    return filler


def _work(channel: Channel) -> None:
    # Ctrl-C is for the process that waits for this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    asyncio.run(_fill_as_told(channel))


async def _fill_as_told(channel: Channel) -> None:
    dsn, limits = channel.recv()
    async with open_pool(dsn, size=1) as pool:
        while True:
            try:
                streams = channel.recv()
            except EOFError:
                return
            try:
                channel.send(await fill(pool, streams, limits=limits))
            except ServiceError as error:
                channel.send(error)


if __name__ == "__main__":
    _work(Connection(int(sys.argv[1])))
