"""Latency from an append to the handler of its event, at a given rate."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import count
from uuid import NAMESPACE_OID, uuid5

from benchmarks.appending import LANES
from benchmarks.payload import append_number
from service.clock import SystemClock
from service.db import Pool, connection, open_pool, transaction
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog, open_log
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake

_runs = count(1)


class _Handler:
    """A consumer that notes when it was handed each event, and saves its positions."""

    parks_streams = False

    def __init__(self, pool: Pool, name: str, *, events: int) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.handed: dict[str, float] = {}
        self.all_handed = asyncio.Event()
        self._pool = pool
        self._events = events

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        async with connection(self._pool) as lent:
            positions = await load_positions(lent, self.name, partitions)
        if partitions:
            self.ready.set()
        return positions

    async def handle(self, batch: Batch) -> None:
        at = time.perf_counter()
        for event in batch.events:
            self.handed[event.stream.order_id] = at
        async with transaction(self._pool) as lent:
            await save_positions(lent, batch)
        if len(self.handed) == self._events:
            self.all_handed.set()


async def append_to_handler(dsn: str, *, rate: int, seconds: float) -> list[float]:
    """Return the milliseconds from the call of each append until its event is handed.

    Appends begin at their appointed times, whether or not earlier ones have ended, so
    a stall counts for all that it holds up.
    """
    run = f"latency-{next(_runs)}"
    wake = Wake(dsn)
    async with (
        open_pool(dsn, size=6) as pool,
        open_log(pool, partitions=16, lanes=LANES, wake=wake) as log,
    ):
        handler = _Handler(pool, run, events=int(rate * seconds))
        await _start_at_the_heads(pool, log, handler)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(
                Subscription(
                    handler,
                    log=log,
                    pool=pool,
                    wake=wake,
                    clock=SystemClock(),
                    member=uuid5(NAMESPACE_OID, run),
                    slots=[[number] for number in range(16)],
                ).run()
            )
            telling = tasks.create_task(wake.run())
            await handler.ready.wait()
            begun = await _append(log, run, rate=rate, events=int(rate * seconds))
            await handler.all_handed.wait()
            following.cancel()
            telling.cancel()
    return [(handler.handed[order] - at) * 1000 for order, at in begun.items()]


async def _start_at_the_heads(
    pool: Pool, log: PostgresEventLog, handler: _Handler
) -> None:
    async with transaction(pool) as lent:
        batch = Batch(consumer=handler.name, events=[], positions=await log.heads())
        await save_positions(lent, batch)


async def _append(
    log: PostgresEventLog, run: str, *, rate: int, events: int
) -> dict[str, float]:
    begun: dict[str, float] = {}

    async def append(number: int) -> None:
        wanted = append_number(number, run=f"{run}-{number}")
        begun[wanted.stream.order_id] = time.perf_counter()
        await log.append(wanted)

    async with asyncio.TaskGroup() as tasks:
        start = time.perf_counter()
        for number in range(events):
            pause = start + number / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            tasks.create_task(append(number))
    return begun
