"""Filling in processes of their own: folding is what takes the time, on one core each."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

from service.db import open_pool
from service.errors import ServiceError, UnavailableError
from service.garbage import collect_seldom
from service.project.filling import Filler, Limits, Streams, fill

_spawning = get_context("spawn")


@contextmanager
def workers(dsn: str, limits: Limits, *, count: int) -> Iterator[list[Filler]]:
    """Run *count* processes that fill what they are told to, for as long as the block.

    They end with this process, however that ends: each reads from it, and meets the end.
    """
    pipes, processes = [], []
    for _ in range(count):
        ours, theirs = _spawning.Pipe()
        process = _spawning.Process(
            target=_work, args=(theirs, dsn, limits), daemon=True
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        yield [_filler(pipe) for pipe in pipes]
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _filler(pipe: "Pipe[Streams, Counter[int] | ServiceError]") -> Filler:
    async def filler(streams: Streams) -> Counter[int]:
        try:
            pipe.send(streams)
            answer = await asyncio.to_thread(pipe.recv)
        except (EOFError, OSError) as error:
            raise UnavailableError(
                "A process that fills the read model died; start the rebuild again."
            ) from error
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    return filler


def _work(
    pipe: "Pipe[Counter[int] | ServiceError, Streams]", dsn: str, limits: Limits
) -> None:
    # Ctrl-C is for the process that waits for this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    asyncio.run(_fill_as_told(pipe, dsn, limits))


async def _fill_as_told(
    pipe: "Pipe[Counter[int] | ServiceError, Streams]", dsn: str, limits: Limits
) -> None:
    async with open_pool(dsn, size=1) as pool:
        while True:
            try:
                streams = pipe.recv()
            except EOFError:
                return
            try:
                pipe.send(await fill(pool, streams, limits=limits))
            except ServiceError as error:
                pipe.send(error)
