"""Connections of the pool, and what they leave behind at the server."""

import asyncio

import asyncpg
import pytest

from service.db import Pool, connection, open_pool, transaction

pytestmark = pytest.mark.postgres

READ = "SELECT position FROM eventlog.checkpoints WHERE consumer = $1"
MOMENTS = [moment * 20e-6 for moment in range(250)]
"""Seconds after which a statement is cancelled; it is over by then."""


async def read_anew(pool: Pool, moment: float) -> None:
    async with connection(pool) as lent:
        # New to the driver, which asks for its form before it sends it.
        await lent.fetch(f"{READ} AND {moment} = {moment}", "anybody")


async def is_locked(pool: Pool) -> bool:
    """Say whether somebody holds a lock on the table that `READ` reads."""
    try:
        async with transaction(pool) as lent:
            await lent.execute("SET LOCAL lock_timeout = '500ms'")
            await lent.execute("LOCK eventlog.checkpoints")
    except asyncpg.LockNotAvailableError:
        return True
    return False


class TestConnection:
    async def test_refused_argument_leaves_no_lock(self, dsn: str, pool: Pool) -> None:
        """A statement that the driver sent by halves is not left open at the server."""
        async with open_pool(dsn, size=1) as other:
            with pytest.raises(asyncpg.DataError):
                async with connection(other) as lent:
                    await lent.fetch(READ, 1)

            assert not await is_locked(pool)

    async def test_cancelled_statement_leaves_no_lock(
        self, dsn: str, pool: Pool
    ) -> None:
        """Whenever a statement is cancelled, its locks are gone."""

        loop, locked = asyncio.get_running_loop(), []
        async with open_pool(dsn, size=1) as other:
            for moment in MOMENTS:
                async with asyncio.TaskGroup() as tasks:
                    reading = tasks.create_task(read_anew(other, moment))
                    loop.call_later(moment, reading.cancel)
                if await is_locked(pool):
                    locked.append(moment)

        assert locked == []
