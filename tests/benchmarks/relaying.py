"""Relaying: our relay against bare transactions of the same bytes, and its delay."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from functools import cached_property
from itertools import cycle
from multiprocessing import get_context
from uuid import UUID

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from typing_extensions import override

from benchmarks.appending import LANES, group_append
from benchmarks.payload import append_number
from service.clock import SystemClock
from service.db import open_pool
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog, open_log
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.publish.content import Events
from service.publish.contract import Contract, Message
from service.publish.kafka import EventsTopic, ensure_topic, tail_positions
from service.publish.relay import Relay
from service.publish.sending import BATCH_BYTES

PARTITIONS = 16
AT_ONCE = 5000

WARMING = 2
"""Seconds before a delay is measured: connections, coordinators, compiled code."""

_CONTRACT = Contract("https://orders.example")


class _Counting(Relay):
    """A relay that tells how many events it published, and since when."""

    done = 0
    started_at = 0.0
    ended_at = 0.0

    @override
    async def handle(self, batch: Batch) -> None:
        self.started_at = self.started_at or time.perf_counter()
        await super().handle(batch)
        self.done += len(batch.events)
        self.ended_at = time.perf_counter()
        for wanted, reached in self._awaited:
            if self.done >= wanted:
                reached.set()

    @cached_property
    def _awaited(self) -> list[tuple[int, asyncio.Event]]:
        return []

    async def has(self, wanted: int) -> None:
        """Wait until *wanted* events were published."""
        reached = asyncio.Event()
        self._awaited.append((wanted, reached))
        if self.done < wanted:
            await reached.wait()

    @property
    def rate(self) -> float:
        return self.done / (self.ended_at - self.started_at)


@asynccontextmanager
async def _relaying(
    dsn: str, servers: str
) -> AsyncIterator[tuple[_Counting, PostgresEventLog, EventsTopic]]:
    """Run a relay to a topic of its own, and lend it with the log."""
    topic = await _new_topic(servers)
    wake = Wake(dsn)
    async with (
        open_pool(dsn, size=8) as pool,
        open_log(pool, partitions=PARTITIONS, lanes=LANES, wake=wake) as log,
    ):
        relay = _Counting(
            topic, Events(_CONTRACT), log=log, pool=pool, clock=SystemClock()
        )
        subscription = Subscription(
            relay,
            log=log,
            pool=pool,
            wake=wake,
            clock=SystemClock(),
            member=UUID(bytes=secrets.token_bytes(16)),
            slots=[range(PARTITIONS)],
            batch_size=AT_ONCE,
        )
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(wake.run())]
            running.append(tasks.create_task(subscription.run()))
            try:
                yield relay, log, topic
            finally:
                for task in running:
                    task.cancel()
        await relay.close()


async def _new_topic(servers: str) -> EventsTopic:
    """Make an empty topic, and wait until all its partitions have a leader."""
    topic = EventsTopic(
        servers=servers, prefix=f"bench-{secrets.token_hex(4)}", partitions=PARTITIONS
    )
    await ensure_topic(topic)
    await tail_positions(topic, range(PARTITIONS))
    return topic


async def catch_up(dsn: str, servers: str) -> float:
    """Return events a second of a relay that fills an empty topic from the log."""
    async with _relaying(dsn, servers) as (relay, log, _):
        await relay.has(sum((await log.heads()).values()))
        return relay.rate


async def beside_appends(dsn: str, servers: str, *, events: int) -> float:
    """Return events a second published while another process appends *events*."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as others:
        async with _relaying(dsn, servers) as (relay, _, _):
            await relay.has(1)
            loop = asyncio.get_running_loop()
            before, started = relay.done, time.perf_counter()
            await loop.run_in_executor(others, _append, dsn, events)
            return (relay.done - before) / (time.perf_counter() - started)


def _append(dsn: str, events: int) -> None:
    uvloop.run(group_append(dsn, callers=1000, events=events))


async def bare(dsn: str, servers: str) -> float:
    """Return events a second of bare transactions that write the whole log's bytes."""
    messages = await _prepared(dsn)
    topic = await _new_topic(servers)
    producers = [_producer(f"{topic.prefix}-{side}", servers) for side in "ab"]
    for producer in producers:
        await producer.start()
    started = time.perf_counter()
    starts = range(0, len(messages), AT_ONCE)
    for start, producer in zip(starts, cycle(producers), strict=False):
        await producer.begin_transaction()
        await _send(producer, topic.name, messages[start : start + AT_ONCE])
        await producer.commit_transaction()
    took = time.perf_counter() - started
    for producer in producers:
        await producer.stop()
    return len(messages) / took


async def _prepared(dsn: str) -> list[Message]:
    """Return the messages of the whole log, in the order in which a relay reads."""
    messages: list[Message] = []
    async with open_pool(dsn, size=2) as pool:
        log = PostgresEventLog(pool, partitions=PARTITIONS, lanes=1, wake=Wake(dsn))
        positions = dict.fromkeys(range(PARTITIONS), 0)
        while events := await log.read_partitions(
            positions, each=AT_ONCE // PARTITIONS
        ):
            positions |= {event.partition: event.position for event in events}
            messages += map(_CONTRACT.message, events)
    return messages


def _producer(name: str, servers: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=servers,
        transactional_id=name,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
    )


async def _send(
    producer: AIOKafkaProducer, topic: str, messages: Iterable[Message]
) -> None:
    filling: dict[int, BatchBuilder] = {}
    sent = []
    for message in messages:
        at = message.partition
        batch = filling.get(at) or producer.create_batch()
        if not _append_to(batch, message):
            sent.append(await producer.send_batch(batch, topic, partition=at))
            batch = producer.create_batch()
            _append_to(batch, message)
        filling[at] = batch
    for at, batch in filling.items():
        sent.append(await producer.send_batch(batch, topic, partition=at))
    for future in sent:
        await future


def _append_to(batch: BatchBuilder, message: Message) -> bool:
    added = batch.append(
        timestamp=message.timestamp_ms,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )
    return added is not None


async def delays(dsn: str, servers: str, *, rate: int, seconds: int) -> list[float]:
    """Return the milliseconds from each append until a read_committed consumer has it."""
    async with _relaying(dsn, servers) as (relay, log, topic):
        await relay.has(sum((await log.heads()).values()))
        consumer = AIOKafkaConsumer(
            topic.name,
            bootstrap_servers=servers,
            isolation_level="read_committed",
            auto_offset_reset="latest",
            enable_auto_commit=False,
        )
        await consumer.start()
        await consumer.seek_to_end()
        try:
            await _timed(consumer, log, rate=rate, seconds=WARMING)
            return await _timed(consumer, log, rate=rate, seconds=seconds)
        finally:
            await consumer.stop()


async def _timed(
    consumer: AIOKafkaConsumer, log: PostgresEventLog, *, rate: int, seconds: int
) -> list[float]:
    run = secrets.token_hex(4)
    called: dict[bytes, float] = {}
    seen: dict[bytes, float] = {}

    async def append(number: int) -> None:
        wanted = append_number(number, run=run)
        called[str(wanted.stream).encode() + b"%d" % (number // 1000)] = (
            time.perf_counter()
        )
        await log.append(wanted)

    async def read() -> None:
        versions: dict[bytes, int] = {}
        while len(seen) < rate * seconds:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                now = time.perf_counter()
                for record in records:
                    nth = versions.get(record.key, 0)
                    versions[record.key] = nth + 1
                    seen[record.key + b"%d" % nth] = now

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        started = time.perf_counter()
        for number in range(rate * seconds):
            due = started + number / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            tasks.create_task(append(number))
    return [1000 * (seen[key] - at) for key, at in called.items()]
