"""Look-ups of single orders, those that come at the same time asked in one statement."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from service.db import Connection, Pool, connection, load_sql
from service.eventlog.ports import Clock

LANES = 2
"""Statements under way at a time; each lane keeps a connection."""

MOST_TOGETHER = 200
"""Orders that one statement looks up."""

_FIND = load_sql("service.read", "find_orders")


class Wanted(NamedTuple):
    """An order, and the ETag that the caller holds of it, or an empty text."""

    account: str
    order_id: str
    etag: str = ""


@dataclass(slots=True, eq=False)
class _Asked:
    wanted: Wanted
    answer: asyncio.Future[asyncpg.Record | None]


class OrderLookup:
    """Finds orders by their keys; `run` has to run for that.

    A statement costs little more for a hundred orders than for one, so callers who
    come while others are being served wait for these and then share a statement.
    """

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue()

    async def find(self, wanted: Wanted) -> asyncpg.Record | None:
        """Return the row of an order, without details where the ETag still holds.

        Raises:
            DatabaseUnavailableError: Try again later.
        """
        if "\x00" in wanted.account or "\x00" in wanted.order_id:
            return None
        asked = _Asked(wanted, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(asked)
        return await asked.answer

    async def run(self) -> None:
        """Answer until cancelled, through lost connections."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(LANES):
                tasks.create_task(self._lane())

    async def _lane(self) -> None:
        while True:
            together = [await self._queue.get()]
            try:
                # The connection is kept: handing it back costs a round trip.
                async with connection(self._pool) as kept:
                    while True:
                        self._gather(together)
                        await self._answer(kept, together)
                        together = [await self._queue.get()]
            except Exception as error:  # noqa: BLE001 - handed to those who asked
                for asked in together:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)

    def _gather(self, together: list[_Asked]) -> None:
        while len(together) < MOST_TOGETHER and not self._queue.empty():
            together.append(self._queue.get_nowait())

    async def _answer(self, kept: Connection, together: Sequence[_Asked]) -> None:
        rows = await kept.fetch(
            _FIND,
            [asked.wanted.account for asked in together],
            [asked.wanted.order_id for asked in together],
            [asked.wanted.etag for asked in together],
            self._clock.now(),
        )
        found = {row["nth"]: row for row in rows}
        for nth, asked in enumerate(together):
            if not asked.answer.done():
                asked.answer.set_result(found.get(nth))
