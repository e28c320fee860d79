"""From VTEX to Kafka: our service against a plain script, and a burst of the hook.

The plain script does what nobody can do without: takes a lot of the feed, reads its
orders, writes one insert batch and one send batch, commits. Ours is one process with the
roles that it takes, and publishes the states of the orders besides.

Where VTEX answers at once, the script takes one lot after the other. Where its answers
take their time, as VTEX's do, it has as many requests under way as ours may have.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.lab import PARTITIONS
from benchmarks.scripted_vtex import order_id, scripted_vtex
from eventually import eventually
from processes import free_port, running
from service.eventlog.partitions import partition_of
from service.eventlog.records import StreamKey
from service.ingest.configuration import SECRET_HEADER
from service.publish.kafka import EventsTopic, ensure_topic, tail_positions

WARMING: Final = 500
"""Orders before any is measured."""

EVENTS: Final = 2
"""Events of an order: that it has a status, and what it is."""

AT_ONCE: Final = 256
"""Requests to VTEX that ours may have under way: the connections of its client."""

_ACCOUNT: Final = "bench"
_SECRET: Final = "a-secret-of-the-bench"  # noqa: S105 - it opens nothing
_LOT: Final = 10
_PATIENCE: Final = 60.0
_CONNECTIONS: Final = 64
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS plain (order_id text, item json, document json)"
)


async def through_service(
    dsn: str, servers: str, *, orders: int, folder: Path, answers_after: float = 0.0
) -> float:
    """Return orders a second that our service takes from the feed to the topic."""
    prefix = f"bench-{secrets.token_hex(4)}"
    topic = EventsTopic(servers=servers, prefix=prefix, partitions=PARTITIONS)
    await ensure_topic(topic)
    with scripted_vtex(answers_after=answers_after) as vtex:
        settings = dict(_settings(dsn, servers, vtex, prefix)) | {
            "ORDER_TRACKING_REQUESTS_PER_MINUTE": "100000000"
        }
        async with _serving("ingest,publish", settings, folder):
            # The first ones are for connections, tables and compiled code.
            await _fill(vtex, first=0, orders=WARMING)
            await _published(dsn, topic, WARMING)
            await _fill(vtex, first=WARMING, orders=orders)
            # Into a feed that was empty it looks as seldom as VTEX asks for.
            await _begun(vtex)
            started = time.perf_counter()
            await _published(dsn, topic, WARMING + orders)
            return orders / (time.perf_counter() - started)


async def through_script(
    dsn: str, servers: str, *, orders: int, answers_after: float = 0.0
) -> float:
    """Return orders a second of the plain script.

    Lots are taken one after the other; where answers take their time, side by side.
    """
    topic = EventsTopic(
        servers=servers, prefix=f"bench-{secrets.token_hex(4)}", partitions=PARTITIONS
    )
    await ensure_topic(topic)
    async with AsyncExitStack() as opened:
        producer = AIOKafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
        )
        await producer.start()
        opened.push_async_callback(producer.stop)
        vtex = opened.enter_context(scripted_vtex(answers_after=answers_after))
        session = await opened.enter_async_context(
            aiohttp.ClientSession(vtex, connector=aiohttp.TCPConnector(limit=AT_ONCE))
        )
        scripts = []
        for _ in range(AT_ONCE // _LOT if answers_after else 1):
            connection = await asyncpg.connect(dsn)
            opened.push_async_callback(connection.close)
            await connection.execute(_TABLE)
            scripts.append(_Script(session, connection, producer, topic.name))
        await _fill(vtex, first=0, orders=WARMING + orders)
        await _take_with(scripts, WARMING)
        started = time.perf_counter()
        await _take_with(scripts, orders)
        return orders / (time.perf_counter() - started)


async def _take_with(scripts: Sequence["_Script"], orders: int) -> None:
    lots = iter(range(orders // _LOT))
    async with asyncio.TaskGroup() as tasks:
        for script in scripts:
            tasks.create_task(script.take(lots))


class _Script:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        connection: "asyncpg.Connection[asyncpg.Record]",
        producer: AIOKafkaProducer,
        topic: str,
    ) -> None:
        self._session = session
        self._connection = connection
        self._producer = producer
        self._topic = topic

    async def take(self, lots: Iterator[int]) -> None:
        """Take one of *lots* after the other, as long as there are any."""
        for _ in lots:
            await self._take_lot()

    async def _take_lot(self) -> None:
        async with self._session.get(f"/api/orders/feed?maxlot={_LOT}") as answer:
            items = orjson.loads(await answer.read())
        async with asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(self._get(item["orderId"])) for item in items]
        documents = [read.result() for read in reads]
        await self._connection.execute(
            "INSERT INTO plain SELECT * FROM unnest($1::text[], $2::json[], $3::json[])",
            [item["orderId"] for item in items],
            [orjson.dumps(item).decode() for item in items],
            [orjson.dumps(document).decode() for document in documents],
        )
        await self._send(items, documents)
        body = orjson.dumps({"handles": [item["handle"] for item in items]})
        async with self._session.post("/api/orders/feed", data=body) as answer:
            await answer.read()

    async def _get(self, order_id: str) -> object:
        async with self._session.get(f"/api/oms/pvt/orders/{order_id}") as answer:
            return orjson.loads(await answer.read())

    async def _send(self, items: list[dict[str, str]], documents: list[object]) -> None:
        sent = []
        for item, document in zip(items, documents, strict=True):
            key = StreamKey(_ACCOUNT, item["orderId"])
            batch = self._producer.create_batch()
            for content in (item, document):
                batch.append(
                    key=str(key).encode(), value=orjson.dumps(content), timestamp=None
                )
            partition = partition_of(key, PARTITIONS)
            sent.append(
                await self._producer.send_batch(batch, self._topic, partition=partition)
            )
        for future in sent:
            await future


async def hook_burst(
    dsn: str, servers: str, *, rate: int, seconds: int, folder: Path
) -> list[float]:
    """Return the milliseconds of each answer to *rate* notifications a second.

    Each is measured from when it was due, so one that had to wait counts its wait.

    Raises:
        AssertionError: A notification was refused, or is not in the log.
    """
    with scripted_vtex() as vtex:
        settings = _settings(dsn, servers, vtex, f"bench-{secrets.token_hex(4)}")
        async with _serving("ingest", settings, folder) as port:
            burst = _Burst(port)
            await burst.send(rate=rate, seconds=2)
            took = await burst.send(rate=rate, seconds=seconds)
    connection = await asyncpg.connect(dsn)
    kept = await connection.fetchval(
        "SELECT count(*) FROM eventlog.events WHERE type = 'OrderStatusReported'"
    )
    await connection.close()
    assert kept == burst.sent, f"{burst.sent} sent, {kept} kept"
    return took


class _Burst:
    """Notifications at a steady rate, each of an order of its own."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._port = port
        self._numbers = count(1)
        self._due: asyncio.Queue[float | None] = asyncio.Queue()
        self._took: list[float] = []

    async def send(self, *, rate: int, seconds: int) -> list[float]:
        """Send them; return the milliseconds of each answer."""
        self._took = []
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONNECTIONS):
                tasks.create_task(self._connection())
            started = time.perf_counter()
            for number in range(rate * seconds):
                due = started + number / rate
                if (pause := due - time.perf_counter()) > 0:
                    await asyncio.sleep(pause)
                self._due.put_nowait(due)
            for _ in range(_CONNECTIONS):
                self._due.put_nowait(None)
        self.sent += len(self._took)
        return self._took

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (due := await self._due.get()) is not None:
            writer.write(_request(next(self._numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            self._took.append(1000 * (time.perf_counter() - due))
        writer.close()


def _request(number: int) -> bytes:
    body = orjson.dumps(
        {
            "Domain": "Fulfillment",
            "OrderId": order_id(number),
            "State": "ready-for-handling",
            "LastState": "window-to-cancel",
            "LastChange": "2026-03-02T12:00:00.0000000Z",
            "CurrentChange": "2026-03-02T12:00:00.0000000Z",
            "Origin": {"Account": _ACCOUNT, "Key": "key"},
        }
    )
    head = (
        f"POST /v1/hooks/vtex/{_ACCOUNT} HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{SECRET_HEADER}: {_SECRET}\r\n\r\n"
    )
    return head.encode() + body


def _settings(dsn: str, servers: str, vtex: str, prefix: str) -> Mapping[str, str]:
    account = {
        "name": _ACCOUNT,
        "base_url": vtex,
        "app_key": "key",
        "app_token": "token",
        "hook_secret": _SECRET,
    }
    return {
        "ORDER_TRACKING_POSTGRES_DSN": dsn,
        "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": servers,
        "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": prefix,
        "ORDER_TRACKING_PARTITIONS": str(PARTITIONS),
        "ORDER_TRACKING_ACCOUNTS": json.dumps([account]),
        "ORDER_TRACKING_LOG_LEVEL": "warning",
    }


@asynccontextmanager
async def _serving(
    roles: str, settings: Mapping[str, str], folder: Path
) -> AsyncIterator[int]:
    port = free_port()
    told = dict(settings) | {"ORDER_TRACKING_HTTP_PORT": str(port)}
    output = folder / f"serve-{port}.log"
    with running("serve", "--roles", roles, settings=told, output=output):
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

            await eventually(ready, within=_PATIENCE)
        yield port


async def _fill(vtex: str, *, first: int, orders: int) -> None:
    async with aiohttp.ClientSession(vtex) as session:
        for _ in range(1000):
            try:
                async with session.post(f"/fill/{first}/{orders}"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    raise TimeoutError("the scripted VTEX does not start")


async def _begun(vtex: str) -> None:
    """Wait until somebody takes what the feed was filled with."""
    async with aiohttp.ClientSession(vtex) as session, session.get("/begun"):
        pass


async def _published(dsn: str, topic: EventsTopic, orders: int) -> None:
    """Wait until the status and the document of so many orders are on *topic*."""
    connection = await asyncpg.connect(dsn)

    async def all_in_log() -> bool:
        heads = await connection.fetchval("SELECT sum(head) FROM eventlog.partitions")
        return int(heads) >= EVENTS * orders

    async def all_there() -> bool:
        positions = await tail_positions(topic, range(PARTITIONS))
        return sum(filter(None, positions.values())) >= EVENTS * orders

    within = _PATIENCE + orders / 50
    # Reading the topic back costs the broker too much to be done all the time.
    await eventually(all_in_log, within=within)
    await connection.close()
    await eventually(all_there, within=within)
