"""The events topic on its cluster: made when missing, and read back from its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidProducerEpoch,
    NoError,
    ProducerFenced,
    TopicAlreadyExistsError,
    for_code,
)

from service.errors import BrokerUnavailableError, FencedError, InvalidSettingsError
from service.publish.contract import SEQUENCE

_END_WITHIN = 2.0
_FIRST_STEP = 8
_LARGEST_BATCH = 2 * 1024 * 1024

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsTopic:
    """The topic that carries the log, and the cluster it is on.

    The cluster has *within* seconds for each step, such as a whole transaction.
    """

    servers: str
    prefix: str
    partitions: int
    replication_factor: int = 1
    within: float = 15.0

    @property
    def name(self) -> str:
        return f"{self.prefix}.order.events.v1"

    @property
    def within_ms(self) -> int:
        return int(self.within * 1000)


@asynccontextmanager
async def answering(topic: EventsTopic, doing: str) -> AsyncIterator[None]:
    """Turn a missed deadline, and whatever goes wrong with Kafka, into our errors.

    Raises:
        FencedError: Another relay took over.
        BrokerUnavailableError: Nothing is known of the outcome.
    """
    try:
        async with asyncio.timeout(topic.within):
            yield
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise FencedError(
            f"Another relay publishes to {topic.name} now; this one lets go of it."
        ) from error
    except TimeoutError as error:
        raise BrokerUnavailableError(
            f"Kafka at {topic.servers} did not {doing} {topic.name} within "
            f"{topic.within:g} s; check the brokers."
        ) from error
    except Exception as error:
        # aiokafka meets a missing broker with assertion and attribute errors, too.
        raise BrokerUnavailableError(
            f"Kafka at {topic.servers} did not {doing} {topic.name} "
            f"({type(error).__name__}: {error}); check the brokers and "
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS."
        ) from error


async def end(closing: Awaitable[None]) -> None:
    """Await *closing* for a moment; without brokers, aiokafka's would never return."""
    try:
        async with asyncio.timeout(_END_WITHIN):
            await closing
    except TimeoutError:
        _log.warning("kafka client left behind", after_seconds=_END_WITHIN)


async def ensure_topic(topic: EventsTopic) -> None:
    """Create *topic* where it is missing; one that exists stays as it is.

    Raises:
        InvalidSettingsError: It exists with another number of partitions.
        BrokerUnavailableError: The cluster does not answer, or refuses.
    """
    async with answering(topic, "offer"):
        admin = AIOKafkaAdminClient(
            bootstrap_servers=topic.servers, request_timeout_ms=topic.within_ms
        )
        try:
            await admin.start()
            while (found := await _partitions_of(topic.name, admin)) is None:
                await _create(topic, admin)
                await asyncio.sleep(0.05)
        finally:
            await end(admin.close())
    if found != topic.partitions:
        raise InvalidSettingsError(
            f"Topic {topic.name} has {found} partitions, the log {topic.partitions}, "
            "and a key's partition depends on their number: delete the topic to have "
            "it made anew, or set ORDER_TRACKING_KAFKA_TOPIC_PREFIX to another prefix."
        )


async def _partitions_of(name: str, admin: AIOKafkaAdminClient) -> int | None:
    # All topics are asked for: asking for one by name could create it.
    for found in await admin.describe_topics():
        if found["topic"] == name:
            return len(found["partitions"])
    return None


async def _create(topic: EventsTopic, admin: AIOKafkaAdminClient) -> None:
    replicas = topic.replication_factor
    new = NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replicas,
        topic_configs={
            "cleanup.policy": "delete",
            # The topic is the whole log for as long as nobody says otherwise.
            "retention.ms": "-1",
            "min.insync.replicas": str(max(1, replicas - 1)),
            # Room for the largest payload that the log takes, with its headers.
            "max.message.bytes": str(_LARGEST_BATCH),
        },
    )
    response = await admin.create_topics([new])
    [(_, code, message)] = response.topic_errors
    error = for_code(code)
    if error is NoError:
        _log.info("topic created", topic=topic.name, partitions=topic.partitions)
    elif error is not TopicAlreadyExistsError:
        raise error(message)


async def tail_positions(
    topic: EventsTopic, partitions: Sequence[int]
) -> dict[int, int | None]:
    """Return the position of the last committed event in each of *partitions*.

    0 where there never was one, None where all that were have been deleted since.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.servers,
        request_timeout_ms=topic.within_ms,
        isolation_level="read_committed",
        enable_auto_commit=False,
    )
    async with answering(topic, "read back"):
        try:
            await consumer.start()
            return await _tails(
                consumer, [TopicPartition(topic.name, number) for number in partitions]
            )
        finally:
            await end(consumer.stop())


async def _tails(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[int, int | None]:
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    last: dict[TopicPartition, int] = {}
    missing, step = list(partitions), _FIRST_STEP
    while missing:
        # The end of a partition may hold markers and aborted records only.
        starts = {at: max(begins[at], ends[at] - step) for at in missing}
        last |= await _last_sequences(consumer, starts, ends)
        missing = [at for at in missing if at not in last and starts[at] > begins[at]]
        step *= 8
    return {at.partition: last.get(at, None if begins[at] else 0) for at in partitions}


async def _last_sequences(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, int]:
    consumer.assign(list(starts))
    for at, start in starts.items():
        consumer.seek(at, start)
    last: dict[TopicPartition, int] = {}
    unread = [at for at in starts if starts[at] < ends[at]]
    while unread:
        for at, records in (await consumer.getmany(*unread, timeout_ms=20)).items():
            if sequences := _sequences(records):
                last[at] = sequences[-1]
        unread = [at for at in unread if await consumer.position(at) < ends[at]]
    return last


def _sequences(records: Iterable[ConsumerRecord[bytes, bytes]]) -> list[int]:
    return [
        int(value)
        for record in records
        for name, value in record.headers
        if name == SEQUENCE
    ]
