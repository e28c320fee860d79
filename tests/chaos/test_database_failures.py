"""What PostgreSQL says when it fails is told as the database being away, and got over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from service.db import Pool, connection, open_pool, transaction, translated
from service.errors import DatabaseUnavailableError

FAILURES = [
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.PostgresIOError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
]


@pytest.mark.parametrize("failure", FAILURES)
def test_is_the_servers_fault(failure: type[Exception]) -> None:
    """Whoever met it is told to try again later, not that the event is at fault."""
    with pytest.raises(DatabaseUnavailableError, match=failure.__name__), translated():
        raise failure("told by the server")


def test_is_our_fault() -> None:
    """A statement that PostgreSQL refuses is not told as its absence."""
    with pytest.raises(asyncpg.UndefinedTableError), translated():
        raise asyncpg.UndefinedTableError


@pytest.mark.postgres
class TestUnusableConnection:
    """The server said that it ends the connection, but the end itself is still to come."""

    async def test_is_not_lent_again(self, dsn: str) -> None:
        """It is told as the database being away, and the next try has another one."""
        async with endless(dsn) as (address, gone), open_pool(address, size=1) as pool:
            await end_backend_of(pool, dsn, gone)

            with pytest.raises(DatabaseUnavailableError):
                async with connection(pool) as lent:
                    await lent.fetchval("SELECT 1")
            async with connection(pool) as lent:
                assert await lent.fetchval("SELECT 2") == 2

    async def test_is_not_lent_again_for_transactions(self, dsn: str) -> None:
        """A transaction meets the same."""
        async with endless(dsn) as (address, gone), open_pool(address, size=1) as pool:
            await end_backend_of(pool, dsn, gone)

            with pytest.raises(DatabaseUnavailableError):
                async with transaction(pool) as lent:
                    await lent.fetchval("SELECT 1")
            async with transaction(pool) as lent:
                assert await lent.fetchval("SELECT 2") == 2


async def end_backend_of(pool: Pool, dsn: str, gone: asyncio.Event) -> None:
    """End the connection of *pool* at the server, and let the message arrive."""
    async with connection(pool) as lent:
        pid = await lent.fetchval("SELECT pg_backend_pid()")
    other = await asyncpg.connect(dsn)
    try:
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        await gone.wait()
        # What was sent before is there by the time that this has its answer.
        await other.execute("SELECT 1")
    finally:
        await other.close()


@asynccontextmanager
async def endless(dsn: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Stand before a server, and pass on everything but its end of a connection."""
    parts = urlsplit(dsn)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    gone = asyncio.Event()

    async def answers(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        await pump(source, to)
        gone.set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_unix_connection(socket)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answers(up, writer))
            await pump(reader, down)
            down.close()
        writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = f"postgresql://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable"
    try:
        yield address, gone
    finally:
        server.close()


async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(65536):
            to.write(piece)
