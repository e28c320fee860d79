"""A service that is started before what it needs waits for it, and says for what."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from builders import NOON, status_reported
from conftest import PARTITIONS
from eventually import eventually
from processes import free_port, run, running
from published import published
from service.embedded.cluster import remembered_cluster
from service.embedded.kafka import kafka
from service.embedded.postgres import postgres
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey
from service.eventlog.store import PostgresEventLog
from service.publish.kafka import EventsTopic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(180)]

PATIENCE = 60.0


class Visitor:
    """Asks a service that may not be there yet."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.port = port
        self._session = session
        self._url = f"http://127.0.0.1:{port}"

    async def status(self, path: str, **headers: str) -> int | None:
        """Return the status of the answer, None where nobody answers."""
        try:
            async with self._session.get(self._url + path, headers=headers) as response:
                return response.status
        except aiohttp.ClientConnectionError:
            return None

    async def lives(self) -> bool:
        return await self.status("/livez") == 200

    async def readiness(self) -> dict[str, Any]:
        """Return what `/readyz` says in full."""
        async with self._session.get(f"{self._url}/readyz?verbose") as response:
            readiness: dict[str, Any] = await response.json(content_type=None)
            return readiness

    async def becomes(self, *words: str) -> None:
        """Wait until `/readyz` says all of *words*."""

        async def says_so() -> bool:
            told = json.dumps(await self.readiness())
            return all(word in told for word in words)

        await eventually(says_so, within=PATIENCE)


@pytest_asyncio.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, free_port())


async def create_database(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


class TestServe:
    async def test_waits_for_its_database(
        self, folder: Path, visitor: Visitor, kafka_servers: str, topic_prefix: str
    ) -> None:
        """No server, no database, no schema: each is named, and then it goes on."""
        home = folder / "postgres"
        dsn = f"postgresql://postgres@/tracking?host={quote(str(home))}&port=5432"
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka_servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
            "ORDER_TRACKING_HTTP_PORT": str(visitor.port),
        }
        with running(
            "serve", settings=settings, output=folder / "service.log"
        ) as service:
            await eventually(visitor.lives, within=PATIENCE)
            await visitor.becomes("Not ready: database: PostgreSQL does not answer")
            async with postgres(home, durable=False) as server:
                await visitor.becomes("InvalidCatalogNameError")
                await create_database(server, "tracking")
                await visitor.becomes("migrations: ", "order-tracking migrate")
                assert run("migrate", settings=settings).returncode == 0
                await visitor.becomes('"status": "ready"', '"missing": []')
            await visitor.becomes("Not ready: database: PostgreSQL does not answer")
            async with postgres(home, durable=False):
                await visitor.becomes('"status": "ready"', '"missing": []')

                assert await visitor.status("/v1/orders") == 200
                assert service.interrupt(within=5) == 0

    async def test_waits_for_its_broker(
        self,
        folder: Path,
        visitor: Visitor,
        dsn: str,
        log: PostgresEventLog,
        topic_prefix: str,
    ) -> None:
        """Without a broker the rest works; what happened meanwhile is published then."""
        home = folder / "kafka"
        home.mkdir()
        servers = remembered_cluster(home, 1).bootstrap_servers
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
            "ORDER_TRACKING_HTTP_PORT": str(visitor.port),
        }
        topic = EventsTopic(servers=servers, prefix=topic_prefix, partitions=PARTITIONS)
        with running(
            "serve", settings=settings, output=folder / "service.log"
        ) as service:
            await eventually(visitor.lives, within=PATIENCE)
            await visitor.becomes(
                '"status": "degraded"', '"missing": ["relay-0", "state-0"'
            )
            await log.append(ARRIVAL)
            await eventually(lambda: shown(visitor), within=PATIENCE)
            async with kafka(home) as started:
                assert started == servers
                await visitor.becomes('"status": "ready"', '"missing": []')
                [record] = await eventually(lambda: published(topic), within=PATIENCE)

                assert record.key == b"acme/1001-01"
                assert service.interrupt(within=5) == 0

    async def test_asks_for_a_key(
        self, folder: Path, visitor: Visitor, dsn: str
    ) -> None:
        """With keys set, only probes are answered without one."""
        key = {"name": "erp", "sha256": hashlib.sha256(b"open sesame").hexdigest()}
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_API_KEYS": json.dumps([key]),
            "ORDER_TRACKING_HTTP_HOST": "0.0.0.0",  # noqa: S104
            "ORDER_TRACKING_HTTP_PORT": str(visitor.port),
        }
        arguments = ("serve", "--roles", "read,project")
        with running(
            *arguments, settings=settings, output=folder / "service.log"
        ) as service:
            await eventually(visitor.lives, within=PATIENCE)
            await visitor.becomes('"status": "ready"')

            assert await visitor.status("/v1/orders") == 401
            assert await visitor.status("/metrics") == 401
            assert (
                await visitor.status("/v1/orders", Authorization="Bearer close") == 401
            )
            assert (
                await visitor.status("/v1/orders", Authorization="Bearer open sesame")
                == 200
            )
            assert service.interrupt(within=5) == 0
            assert "sesame" not in service.text


ARRIVAL = Append(
    stream=StreamKey("acme", "1001-01"),
    events=[
        NewEvent(
            fact=status_reported("order-created"),
            key="key-1",
            occurred_at=NOON,
            metadata=Metadata(correlation_id="chain-1", source="test"),
        )
    ],
)


async def shown(visitor: Visitor) -> bool:
    return await visitor.status("/v1/orders/acme/1001-01") == 200
