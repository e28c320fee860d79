"""The proof: personal data is read through one endpoint, and after its erasure nowhere."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
import pytest_asyncio
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from conftest import PARTITIONS
from eventually import eventually
from private_kit import MARK, marked_order, master_key, sentinels
from processes import free_port
from service.app import serve
from service.config import ROLES, Settings
from service.db import Pool
from service.private.customer import CustomerData, customer_data
from service.spans import SpanMemory
from service.telemetry import set_up_logging
from spans_kit import PROVIDER, recorded_spans
from vtex import Reply, ScriptedVtex, account_at, scripted_vtex

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(120)]

SECRET = "hook-secret"  # noqa: S105 - it opens nothing
ORDER = "/v1/orders/acme/1-01"
PARTS = ("", "/timeline", "/events", "/calls", "/trace")
GET = "GET /api/oms/pvt/orders/1-01"
HANDLE = "POST /api/oms/pvt/orders/1-01/start-handling"
VTEX_SAID = f"{MARK}@refused.example, +55 (11) 91234-5678 and 123.456.789-09: no"
SENTINELS = frozenset(sentinels(marked_order())) - {MARK} | {
    f"{MARK}@refused.example",
    "91234-5678",
    "123.456.789-09",
    # Any of them, however it is cut, escaped, or shown as bytes.
    MARK,
    MARK.encode().hex(),
}
"""All that must be nowhere."""


@dataclass(frozen=True, slots=True)
class World:
    """The whole service, its VTEX, and all that it leaves behind."""

    vtex: ScriptedVtex
    session: aiohttp.ClientSession
    pool: Pool
    settings: Settings
    memory: SpanMemory
    logged: io.StringIO

    async def notify(self, state: str, *, at: str) -> None:
        """Tell by the hook that the order came into *state*."""
        body = {
            "OrderId": "1-01",
            "State": state,
            "LastChange": at,
            "Origin": {"Account": "acme"},
        }
        headers = {"X-Order-Tracking-Secret": SECRET}
        url = "/v1/hooks/vtex/acme"
        async with self.session.post(url, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()

    async def get(self, path: str = "") -> tuple[int, str]:
        async with self.session.get(ORDER + path) as response:
            return response.status, await response.text()

    async def has(self, path: str, words: str) -> bool:
        return words in (await self.get(path))[1]

    async def quiet(self) -> bool:
        """Say whether all that follows the log is at its end."""
        found: bool = await self.pool.fetchval(
            """
            SELECT NOT EXISTS (
                SELECT FROM eventlog.partitions AS p JOIN eventlog.checkpoints AS c
                USING (partition) WHERE c.position < p.head
            )
            """
        )
        topics = [topic for topic, *_ in await records(self.settings)]
        published = sum(topic.endswith(".events.v1") for topic in topics)
        facts = orjson.loads((await self.get("/events"))[1])["items"]
        return found and published == len(facts)

    async def told_elsewhere(self) -> str:
        """Return what all endpoints about orders tell, but the one for persons."""
        paths = (f"{ORDER}{part}" for part in PARTS)
        told = []
        for path in ("/v1/orders", *paths):
            async with self.session.get(path) as response:
                assert response.status == 200, path
                told.append(await response.text())
        return "\n".join(told)


@pytest_asyncio.fixture
async def world(
    dsn: str,
    pool: Pool,
    kafka_servers: str,
    topic_prefix: str,
) -> AsyncIterator[World]:
    """The service with all its roles."""
    memory, port = SpanMemory(), free_port()
    PROVIDER.add_span_processor(memory)
    set_up_logging(level="debug", style="json")
    logged = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(logged))
    async with (
        scripted_vtex() as vtex,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        asyncio.TaskGroup() as tasks,
    ):
        settings = Settings(
            postgres_dsn=SecretStr(dsn),
            kafka_bootstrap_servers=kafka_servers,
            kafka_topic_prefix=topic_prefix,
            accounts=(account_at(vtex.url, feed=False, hook_secret=SecretStr(SECRET)),),
            master_keys=(master_key(),),
            http_port=port,
        )
        ready = asyncio.Event()
        running = tasks.create_task(
            serve(settings, ROLES, spans=memory, ready=ready.set)
        )
        await ready.wait()
        yield World(vtex, session, pool, settings, memory, logged)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class TestErasure:
    async def test_nothing_is_left(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Every field shows at one endpoint; then no table, topic, log or span has it."""
        with recorded_spans() as exported, caplog.at_level("INFO"):
            await live(world)

            _, customer = await world.get("/customer")
            known = customer_data(marked_order())
            assert CustomerData.model_validate_json(customer) == known
            assert found_in(await world.told_elsewhere()) == set()
            assert found_in(await database(world.pool)) == set()
            wrapped = await wrapped_key(world.pool)

            await quarantine(world)
            await erase(world)
            await go_on(world)

            left = await database(world.pool)
            topics = await records(world.settings)
            assert found_in(left) == set()
            assert wrapped not in left
            assert found_in(await world.told_elsewhere()) == set()
            assert found_in(repr(topics)) == set()
            assert last_state(topics) is None
            assert found_in(repr(world.memory.story("acme", "1-01"))) == set()
        spans = exported.get_finished_spans()
        logged = world.logged.getvalue() + caplog.text
        assert "fetch details" in {span.name for span in spans}
        assert found_in("\n".join(span.to_json() for span in spans)) == set()
        assert "input quarantined" in logged
        assert found_in(logged) == set()


async def live(world: World) -> None:
    """Let the order come to be known, a call for it be refused, and all be told."""
    world.vtex.on(GET, Reply(200, marked_order(status="ready-for-handling")))
    refusal = {"error": {"code": "OMS003", "message": VTEX_SAID}}
    world.vtex.on(HANDLE, Reply(400, refusal))
    await world.notify("ready-for-handling", at="2026-03-01T10:00:00Z")
    await eventually(lambda: world.has("/timeline", "refused"))
    await eventually(lambda: world.has("/customer", MARK))
    await eventually(world.quiet)


async def quarantine(world: World) -> None:
    """Put personal data into quarantine, as whoever knows the hook's secret can."""
    await world.notify(f"{MARK}-quarantined", at="never")
    assert found_in(await database(world.pool)) == {MARK.encode().hex()}


async def erase(world: World) -> None:
    async with world.session.delete(f"{ORDER}/customer") as response:
        assert response.status == 200, await response.text()
    assert (await world.get("/customer"))[0] == 410


async def go_on(world: World) -> None:
    """Let more happen to the order, so that it is read at VTEX once more."""
    await world.notify("handling", at="2026-03-01T11:00:00Z")
    await eventually(lambda: was_read_twice(world))
    await eventually(lambda: world.has("/timeline", "Personal data erased"))
    await eventually(lambda: world.has("/timeline", "Status handling"))
    await eventually(world.quiet)
    await eventually(lambda: is_a_tombstone(world))
    assert (await world.get("/customer"))[0] == 410


async def wrapped_key(pool: Pool) -> str:
    """Return the order's key as `database` shows it."""
    key: str = await pool.fetchval(
        "SELECT encode(wrapped_key, 'hex') FROM private.customer_data"
    )
    assert key in await database(pool)
    return key


async def is_a_tombstone(world: World) -> bool:
    return last_state(await records(world.settings)) is None


async def was_read_twice(world: World) -> bool:
    return len(world.vtex.calls(GET)) > 1


def found_in(text: str) -> set[str]:
    """Return the sentinels that are in *text*; itself is never shown."""
    return {sentinel for sentinel in SENTINELS if sentinel in text}


def last_state(topics: Sequence[Any]) -> bytes | None:
    """Return the last value of the state topic: None is a tombstone."""
    states: list[bytes | None] = [
        value for topic, _, value, _ in topics if topic.endswith(".state.v1")
    ]
    return states[-1]


async def database(pool: Pool) -> str:
    """Return every row of every table of every schema as text, bytes in hex."""
    tables = await pool.fetch(
        """
        SELECT format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm')
          AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        """
    )
    names = {row["name"] for row in tables}
    assert {"private.customer_data", "ingest.quarantine", "react.attempts"} <= names
    rows: list[asyncpg.Record] = []
    for name in names:
        rows += await pool.fetch(f"SELECT t::text FROM {name} AS t")  # noqa: S608
    return "\n".join(row[0] for row in rows)


async def records(settings: Settings) -> Sequence[Any]:
    """Return every record of every topic of the service, committed or not."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        names = [
            name
            for name in await consumer.topics()
            if name.startswith(settings.kafka_topic_prefix)
        ]
        parts = [TopicPartition(name, at) for name in names for at in range(PARTITIONS)]
        if not parts:
            return []
        ends = await consumer.end_offsets(parts)
        consumer.assign(parts)
        await consumer.seek_to_beginning()
        found: list[Any] = []
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for some in (await consumer.getmany(timeout_ms=20)).values():
                found += [(one.topic, one.key, one.value, one.headers) for one in some]
        return found
    finally:
        await consumer.stop()
