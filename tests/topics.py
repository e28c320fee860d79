"""Topics filled by hand: with what a relay would send, and with what it never would."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import psutil
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from eventually import eventually
from relays import administering
from service.eventlog.records import RecordedEvent
from service.publish.contract import Contract, Message
from service.publish.kafka import Topic, ensure_topic

CONTRACT = Contract("https://orders.example")


@dataclass(slots=True)
class Sent:
    """A record as a consumer gets it."""

    topic: str = "test.order.events.v1"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = b"acme/1"
    value: bytes | None = b"{}"
    headers: Sequence[tuple[str, bytes | None]] = field(default=())


def sent(message: Message, *, offset: int = 0) -> Sent:
    """Return the record that *message* becomes."""
    return Sent(
        partition=message.partition,
        offset=offset,
        timestamp=message.timestamp_ms,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )


def with_header(record: Sent, name: str, value: bytes | None) -> Sent:
    """Return *record* with another value of a header, or without it."""
    kept = [header for header in record.headers if header[0] != name]
    return replace(record, headers=kept if value is None else [*kept, (name, value)])


def messages_of(events: Iterable[RecordedEvent]) -> list[Message]:
    return [CONTRACT.message(event) for event in events]


@asynccontextmanager
async def filling(topic: Topic) -> AsyncIterator[AIOKafkaProducer]:
    await ensure_topic(topic)
    producer = AIOKafkaProducer(
        bootstrap_servers=topic.servers, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def fill(topic: Topic, messages: Iterable[Message]) -> None:
    """Write *messages* to *topic* in their order, outside any relay."""
    async with filling(topic) as producer:
        for message in messages:
            await producer.send(
                topic.name,
                key=message.key,
                value=message.value,
                partition=message.partition,
                headers=message.headers,
                timestamp_ms=message.timestamp_ms,
            )
        await producer.flush()


async def delete(topic: Topic) -> None:
    """Delete *topic*, and wait until it is gone."""
    async with administering(topic) as admin:
        await admin.delete_topics([topic.name])

        async def gone() -> bool:
            return topic.name not in await admin.list_topics()

        await eventually(gone)


async def delete_records(topic: Topic, *partitions: int) -> None:
    """Delete all records of *partitions*, as retention would."""
    async with administering(topic) as admin:
        everything = RecordsToDelete(before_offset=-1)
        await admin.delete_records(
            {TopicPartition(topic.name, number): everything for number in partitions}
        )


@contextmanager
def broker_standing_still() -> Iterator[None]:
    """Suspend the broker of the tests: it accepts connections and says nothing."""
    broker = _embedded_broker()
    broker.suspend()
    try:
        yield
    finally:
        broker.resume()


def _embedded_broker() -> psutil.Process:
    for process in psutil.Process().children(recursive=True):
        # Tests of a cluster have brokers of their own.
        if "kafka.Kafka" in process.cmdline() and "/kafka/node-1" in process.cwd():
            return process
    pytest.skip("the broker is not a child of the tests")
