"""What only tests of the whole service need."""

from collections.abc import AsyncIterator

import pytest_asyncio

from conftest import _execute, _named


@pytest_asyncio.fixture
async def empty_database(postgres_dsn: str, topic_prefix: str) -> AsyncIterator[str]:
    """The address of a database in which there is nothing at all."""
    name = f"order_tracking_{topic_prefix}".replace("-", "_")
    await _execute(postgres_dsn, f"CREATE DATABASE {name}")
    yield _named(postgres_dsn, name)
    await _execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")
