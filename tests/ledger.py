"""A consumer whose table shows what it handled: one row each time, with its checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import orjson

from service.clock import SystemClock
from service.db import Pool, connection, transaction
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription

_CREATE = """
CREATE TABLE IF NOT EXISTS ledger (
    nth bigint GENERATED ALWAYS AS IDENTITY, consumer text, stream text, version bigint, key text
)
"""
_WRITE = "INSERT INTO ledger (consumer, stream, version, key) VALUES ($1, $2, $3, $4)"
_READ = "SELECT stream, version, key FROM ledger WHERE consumer = $1 ORDER BY nth"


class Ledger:
    """Writes a row for each event, however often it comes: a repetition is seen.

    It fails on the keys in *fails_on*, and stays where it is after the key *stays_at*.
    """

    parks_streams = True

    def __init__(self, pool: Pool, name: str = "ledger") -> None:
        self.name = name
        self.fails_on: dict[str, Exception] = {}
        self.stays_at: str | None = None
        self.stays = asyncio.Event()
        self._pool = pool

    async def create(self) -> None:
        async with connection(self._pool) as lent:
            await lent.execute(_CREATE)

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        keys = [orjson.loads(event.data)["requested_by"] for event in batch.events]
        for key in keys:
            if key in self.fails_on:
                raise self.fails_on[key]
        async with transaction(self._pool) as lent:
            for event, key in zip(batch.events, keys, strict=True):
                await lent.execute(
                    _WRITE, self.name, str(event.stream), event.version, key
                )
            await save_positions(lent, batch)
        if self.stays_at in keys:
            self.stays.set()
            await asyncio.Event().wait()

    async def rows(self) -> list[tuple[str, int, str]]:
        async with connection(self._pool) as lent:
            return [tuple(row) for row in await lent.fetch(_READ, self.name)]

    async def keys(self) -> list[str]:
        return [key for _, _, key in await self.rows()]


def subscription_of(
    consumer: Ledger, log: PostgresEventLog, pool: Pool, *, member: int = 1
) -> Subscription:
    return Subscription(
        consumer,
        log=log,
        pool=pool,
        wake=log._wake,
        clock=SystemClock(),
        member=UUID(int=member),
        slots=[[number] for number in range(log.partitions)],
        batch_size=64,
        pause=0,
    )


@asynccontextmanager
async def running(subscription: Subscription) -> AsyncIterator[Subscription]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(subscription.run())
        yield subscription
        task.cancel()
