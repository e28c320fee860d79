"""What only tests of the whole service need."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from conftest import _execute, _named


def pytest_asyncio_loop_factories() -> Mapping[
    str, Callable[[], asyncio.AbstractEventLoop]
]:
    """Run these tests on the loop that the service runs on; sandboxes are in them."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as created:
        path = Path(created)
        path.chmod(0o711)
        yield path


@pytest_asyncio.fixture
async def empty_database(postgres_dsn: str, topic_prefix: str) -> AsyncIterator[str]:
    """The address of a database in which there is nothing at all."""
    name = f"order_tracking_{topic_prefix}".replace("-", "_")
    await _execute(postgres_dsn, f"CREATE DATABASE {name}")
    yield _named(postgres_dsn, name)
    await _execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")
