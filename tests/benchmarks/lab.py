"""The servers that benchmarks share: a durable PostgreSQL, and a broker when asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from service.db import open_pool
from service.embedded.kafka import kafka
from service.embedded.postgres import postgres
from service.eventlog.store import create_partitions
from service.migration import migrate

PARTITIONS = 16


@dataclass(slots=True)
class Lab:
    """Where measuring takes place."""

    folder: Path
    dsn: str
    _servers: AsyncExitStack
    _numbers: "count[int]"
    _kafka: str | None = None

    async def database(self) -> str:
        """Make a database with an empty log, and return its DSN."""
        name = f"bench_{next(self._numbers)}"
        connection = await asyncpg.connect(self.dsn)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        dsn = self.dsn.replace("/postgres?", f"/{name}?")
        await asyncio.to_thread(migrate, dsn)
        async with open_pool(dsn, size=1) as pool:
            await create_partitions(pool, PARTITIONS)
        return dsn

    async def kafka(self) -> str:
        """Return the bootstrap servers of a broker, started at the first call."""
        if self._kafka is None:
            running = kafka(self.folder / "kafka")
            self._kafka = await self._servers.enter_async_context(running)
        return self._kafka


@asynccontextmanager
async def open_lab() -> AsyncIterator[Lab]:
    """Run the servers for as long as the block runs."""
    with TemporaryDirectory(prefix="order-tracking-") as folder:
        async with AsyncExitStack() as servers:
            running = postgres(Path(folder) / "postgres")
            dsn = await servers.enter_async_context(running)
            yield Lab(Path(folder), dsn, servers, count(1))
