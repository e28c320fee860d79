"""Topics and relays for a test: name this module in `pytest_plugins`."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from conftest import PARTITIONS
from relays import Relays
from service.db import Pool
from service.eventlog.store import PostgresEventLog
from service.publish.kafka import EventsTopic, StateTopic


@pytest.fixture
def topic(kafka_servers: str, topic_prefix: str) -> EventsTopic:
    return EventsTopic(
        servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
    )


@pytest.fixture
def state_topic(kafka_servers: str, topic_prefix: str) -> StateTopic:
    return StateTopic(servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS)


@pytest_asyncio.fixture
async def relays(log: PostgresEventLog, pool: Pool) -> AsyncIterator[Relays]:
    made = Relays(log, pool)
    async with made.stack:
        yield made
