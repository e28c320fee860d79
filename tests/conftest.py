"""Real servers for the session, a database and topics of its own for each test."""

import asyncio
import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
import structlog

import spans_kit  # noqa: F401 - every test runs with spans recorded, as in production
from service.db import Pool, open_pool
from service.embedded.kafka import kafka
from service.embedded.postgres import postgres
from service.eventlog.store import PostgresEventLog, create_partitions, open_log
from service.eventlog.wake import Wake
from service.migration import migrate

PARTITIONS = 16

MEMORY = Path("/dev/shm")  # noqa: S108 - holds no secrets, and its folder is private
ROOM = 4 * 1024**3
"""Bytes; 189 thousand events of a soak took an eighth of them, and WAL comes on top."""

_numbers = count(1)


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **duration: float) -> None:
        self.at += timedelta(**duration)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    # Not pytest's own folder: a socket's path has to stay short.
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def database_folder() -> Iterator[Path]:
    """A folder in memory where there is room: each test copies hundreds of files."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    with tempfile.TemporaryDirectory(
        prefix="order-tracking-", dir=MEMORY if has_room else None
    ) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_dsn(database_folder: Path) -> AsyncIterator[str]:
    """A PostgreSQL server: the one given by the environment, else our own."""
    given = os.environ.get("ORDER_TRACKING_POSTGRES_DSN")
    if given is not None:
        yield given
        return
    async with postgres(database_folder / "postgres", durable=False) as dsn:
        yield dsn


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka_servers(server_folder: Path) -> AsyncIterator[str]:
    """A Kafka cluster: the one given by the environment, else our own node."""
    given = os.environ.get("ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS")
    if given is not None:
        yield given
        return
    async with kafka(server_folder / "kafka") as servers:
        yield servers


def _named(dsn: str, database: str) -> str:
    before, _, query = dsn.partition("?")
    server, _, _ = before.rpartition("/")
    return f"{server}/{database}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def template(postgres_dsn: str) -> Iterator[str]:
    """A migrated database that each test's own is copied from."""
    name = f"order_tracking_template_{os.getpid()}"
    asyncio.run(_execute(postgres_dsn, f"CREATE DATABASE {name}"))
    migrate(_named(postgres_dsn, name))
    asyncio.run(_create_partitions(_named(postgres_dsn, name)))
    yield name
    asyncio.run(_execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _create_partitions(dsn: str) -> None:
    async with open_pool(dsn, size=2) as pool:
        await create_partitions(pool, PARTITIONS)


@pytest_asyncio.fixture
async def dsn(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    """The address of a migrated database that this test has for itself."""
    name = f"order_tracking_test_{os.getpid()}_{next(_numbers)}"
    # Copying files is quicker than logging every page of the copy.
    await _execute(
        postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
    )
    yield _named(postgres_dsn, name)
    await _execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(dsn, size=8) as opened:
        yield opened


@pytest.fixture
def wake(dsn: str) -> Wake:
    return Wake(dsn)


@pytest_asyncio.fixture
async def log(pool: Pool, wake: Wake) -> AsyncIterator[PostgresEventLog]:
    """The log of this test's own database."""
    async with open_log(pool, partitions=PARTITIONS, lanes=2, wake=wake) as opened:
        yield opened


@pytest.fixture
def postgres_log(log: PostgresEventLog) -> PostgresEventLog:
    return log


@pytest.fixture
def topic_prefix() -> str:
    """First part of the names of this test's own topics."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def abandoned_sockets() -> Iterator[None]:
    """Collect what aiokafka leaves behind of connections that a broker never took."""
    yield
    _collect()


@pytest.fixture(scope="module", autouse=True)
def _no_sockets_for_others() -> Iterator[None]:
    """Keep what a module's brokers left behind from being told of the next module."""
    yield
    _collect()


def _collect() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
