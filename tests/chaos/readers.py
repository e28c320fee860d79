"""What is there in the end: in the log, on the topics and in the read model."""

import asyncio
import time
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chaos.checker import Logged
from chaos.checker_of_calls import QueuedCall
from service.db import Pool
from service.eventlog.records import StreamKey
from service.eventlog.store import recorded

Isolation = Literal["read_committed", "read_uncommitted"]

_LOG = """
    SELECT e.partition, e.position, e.stream_id, e.version, e.type, e.schema_version,
           e.data, e.metadata, e.occurred_at, e.recorded_at, s.account, s.order_id,
           e.event_key
    FROM eventlog.events AS e JOIN eventlog.streams AS s USING (stream_id)
    ORDER BY e.partition, e.position
"""
_BEHIND = """
    SELECT name, sum(p.head - coalesce(c.position, 0))::bigint AS behind
    FROM unnest($1::text[]) AS name
    CROSS JOIN eventlog.partitions AS p
    LEFT JOIN eventlog.checkpoints AS c
        ON c.consumer = name AND c.partition = p.partition
    GROUP BY name
"""
_QUEUE = """
    SELECT account, order_id, cause_version, kind, request, state FROM react.calls
"""


async def read_log(pool: Pool) -> list[Logged]:
    rows = await pool.fetch(_LOG)
    return [Logged(recorded(row), row["event_key"]) for row in rows]


async def read_heads(pool: Pool) -> dict[int, int]:
    rows = await pool.fetch("SELECT partition, head FROM eventlog.partitions")
    return {row["partition"]: row["head"] for row in rows}


async def read_streams(pool: Pool) -> dict[StreamKey, int]:
    rows = await pool.fetch("SELECT account, order_id, version FROM eventlog.streams")
    return {StreamKey(row["account"], row["order_id"]): row["version"] for row in rows}


async def read_orders(pool: Pool) -> dict[str, int]:
    """Return the version as of which each order is shown."""
    rows = await pool.fetch("SELECT account, order_id, version FROM read.orders")
    return {f"{row['account']}/{row['order_id']}": row["version"] for row in rows}


async def read_queue(pool: Pool) -> list[QueuedCall]:
    return [
        QueuedCall(StreamKey(account, order_id), *rest)
        for account, order_id, *rest in await pool.fetch(_QUEUE)
    ]


async def behind(pool: Pool, *consumers: str) -> dict[str, int]:
    """Return how many events each of *consumers* that is there has still to handle."""
    known = await pool.fetch("SELECT DISTINCT consumer FROM eventlog.leases")
    there = {row["consumer"] for row in known} & set(consumers)
    rows = await pool.fetch(_BEHIND, list(there))
    return {row["name"]: row["behind"] for row in rows}


async def read_topic(
    servers: str,
    topic: str,
    isolation: Isolation = "read_committed",
    *,
    partitions: int,
) -> list[Any]:
    """Return all records of *topic*, each partition's in order; none if it is not there."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level=isolation,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        if topic not in await consumer.topics():
            return []
        places = [TopicPartition(topic, number) for number in range(partitions)]
        return await _all_of(consumer, places)
    finally:
        await consumer.stop()


async def _all_of(
    consumer: AIOKafkaConsumer, places: list[TopicPartition]
) -> list[Any]:
    ends = await consumer.end_offsets(places)
    consumer.assign(places)
    await consumer.seek_to_beginning()
    found: list[Any] = []
    while any([await consumer.position(at) < ends[at] for at in places]):
        for records in (await consumer.getmany(timeout_ms=20)).values():
            found += records
    return found


class Watch:
    """Watches how far committed records of a topic go, and for how long they do not."""

    def __init__(self, servers: str, topic: str, *, partitions: int) -> None:
        self.longest = (0.0, 0.0)
        """The longest pause in seconds, and when it ended."""
        self._servers = servers
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._started = self._moved = time.monotonic()
        self._reached = 0

    async def run(self) -> None:
        """Watch until cancelled; who cannot look sees nothing move."""
        while True:
            try:
                async with asyncio.timeout(5):
                    await self._look()
            except (KafkaError, OSError):
                await asyncio.sleep(0.2)

    async def _look(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers, isolation_level="read_committed"
        )
        try:
            await consumer.start()
            while True:
                ends = await consumer.end_offsets(self._places)
                self._note(sum(ends.values()))
                await asyncio.sleep(0.1)
        finally:
            await consumer.stop()

    def _note(self, reached: int) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, (now - self._moved, now - self._started))
        if reached > self._reached:
            self._reached, self._moved = reached, now
