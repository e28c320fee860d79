"""Relays on topics of their own, with a log that they publish."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from conftest import PARTITIONS
from events import new_event
from published import positions, published
from service.clock import SystemClock
from service.db import Pool
from service.domain.facts import HandlingRequested
from service.eventlog.records import Append, Batch, RecordedEvent, StreamKey
from service.eventlog.store import PostgresEventLog
from service.publish.content import Events, States
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic, StateTopic, Topic
from service.publish.relay import Relay

ALL = range(PARTITIONS)


class Relays:
    """Makes relays of one lane on one topic, and ends them with the test."""

    def __init__(self, log: PostgresEventLog, pool: Pool) -> None:
        self.log = log
        self.pool = pool
        self.stack = AsyncExitStack()

    def on(
        self,
        topic: Topic,
        *,
        lane: int = 0,
        transactions: bool = True,
        interval: float = 0.0,
    ) -> Relay:
        contract = Contract("https://orders.example")
        is_state = isinstance(topic, StateTopic)
        relay = Relay(
            topic,
            States(contract, log=self.log) if is_state else Events(contract),
            log=self.log,
            pool=self.pool,
            clock=SystemClock(),
            lane=lane,
            transactions=transactions,
            interval=interval,
        )
        self.stack.push_async_callback(relay.close)
        return relay


async def write(
    log: PostgresEventLog, *, orders: int = 10, each: int = 2, size: int = 1
) -> list[RecordedEvent]:
    """Append *each* events to each of *orders*, and return the whole log."""
    before = sum((await log.heads()).values())
    async with asyncio.TaskGroup() as tasks:
        for order in range(orders):
            keys = (f"{before}-{order}-{number}-" for number in range(each))
            events = [
                new_event(key, HandlingRequested(requested_by=key + "x" * size))
                for key in keys
            ]
            stream = StreamKey("acme", f"order-{order}")
            tasks.create_task(log.append(Append(stream=stream, events=events)))
    return list(await log.read_partitions(dict.fromkeys(ALL, 0), each=1_000_000))


def batch_of(
    events: Sequence[RecordedEvent], *, tokens: dict[int, int] | None = None
) -> Batch:
    return Batch(
        consumer="relay-0",
        events=events,
        positions={event.partition: event.position for event in events},
        tokens=tokens or {},
    )


def after(
    events: Sequence[RecordedEvent], reached: dict[int, int]
) -> list[RecordedEvent]:
    return [event for event in events if event.position > reached[event.partition]]


async def everything_once(topic: EventsTopic, log: PostgresEventLog) -> bool:
    """Whether the topic holds positions 1 to head of each partition, in order."""
    expected = {
        partition: list(range(1, head + 1))
        for partition, head in (await log.heads()).items()
        if head
    }
    return positions(await published(topic)) == expected


@asynccontextmanager
async def administering(topic: Topic) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
