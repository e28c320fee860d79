"""The one time for all processes that share what is due and who has it: the database's."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from service.db import Pool, connection, load_sql
from service.errors import UnavailableError

READ_EVERY: Final = 30.0
"""Seconds between two looks at the database."""

LONGEST_LOOK: Final = 2.0
"""Seconds for which a look may last, and so by how much two processes may differ."""

# What goes on while the machine sleeps, where the system has it.
_COUNTER: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_READ = load_sql("service.eventlog", "read_clock")

_log = structlog.get_logger()


class SharedClock:
    """See `Clock`; not to be asked before `start` is over.

    A lease, a deadline or a pause holds for all processes. If each went by its own
    machine's time, one that is ahead would take calls that others are making, and give
    up what has hours left. Between two looks a counter goes on that nobody can set.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._zero = 0.0
        """The time at which the counter was 0."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._zero + _count(), UTC)

    async def start(self) -> None:
        """Wait until the database has told the time."""
        while True:
            if await self._look():
                return
            await asyncio.sleep(1)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(READ_EVERY)
            await self._look()

    async def _look(self) -> bool:
        try:
            async with connection(self._pool) as lent:
                told = await lent.fetchval(_READ, timeout=LONGEST_LOOK)
        except UnavailableError as error:
            _log.warning("clock not seen", error=str(error))
            return False
        self._zero = told.timestamp() - _count()
        return True


def _count() -> float:
    return time.clock_gettime(_COUNTER)
