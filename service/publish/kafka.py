"""Topics on their cluster: made when missing, and read back from their ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidProducerEpoch,
    NoError,
    ProducerFenced,
    TopicAlreadyExistsError,
    for_code,
)

from service.config import Settings
from service.errors import BrokerUnavailableError, FencedError, InvalidSettingsError
from service.failpoints import reached
from service.publish.bootstrap import awake
from service.publish.contract import REPLAY, SEQUENCE, TAIL_OFFSET, TAIL_SEQUENCE

LARGEST_BATCH = 2 * 1024 * 1024
"""Bytes of the largest batch that a topic takes, as it is made."""

_END_WITHIN = 2.0
_FIRST_STEP = 8

_Headers = Mapping[str, bytes]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic with the partitions of the log, and the cluster it is on.

    The cluster has *within* seconds for each step, such as a whole transaction.
    """

    suffix: ClassVar[str]
    """Last part of the name."""
    cleanup: ClassVar[str]
    """The `cleanup.policy` without which the topic would lose what it is for."""
    configs: ClassVar[Mapping[str, str]] = {}
    """Further settings of a topic that is made."""

    servers: str
    prefix: str
    partitions: int
    replication_factor: int = 1
    within: float = 15.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the topic that *settings* name.

        Raises:
            InvalidSettingsError: They name no cluster.
        """
        if settings.kafka_bootstrap_servers is None:
            raise InvalidSettingsError(
                "The role publish needs ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS; leave "
                "the role out, or run `order-tracking demo` for a broker of its own."
            )
        return cls(
            servers=settings.kafka_bootstrap_servers,
            prefix=settings.kafka_topic_prefix,
            partitions=settings.partitions,
            replication_factor=settings.kafka_replication_factor,
        )

    @property
    def name(self) -> str:
        return f"{self.prefix}.{self.suffix}"

    @property
    def within_ms(self) -> int:
        return int(self.within * 1000)


class EventsTopic(Topic):
    """The topic that carries the log: the whole of it, unless somebody says otherwise."""

    suffix = "order.events.v1"
    cleanup = "delete"
    configs: ClassVar[Mapping[str, str]] = {"retention.ms": "-1"}


class StateTopic(Topic):
    """The topic that keeps the latest state of each order."""

    suffix = "order.state.v1"
    cleanup = "compact"


@asynccontextmanager
async def answering(topic: Topic, doing: str) -> AsyncIterator[None]:
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
    """Await *closing* for a moment; without brokers, aiokafka's would never return.

    What goes wrong is logged only: the client is given up, whatever it has met.
    """
    try:
        async with asyncio.timeout(_END_WITHIN):
            await closing
    except TimeoutError:
        _log.warning("kafka client left behind", after_seconds=_END_WITHIN)
    except Exception as error:  # noqa: BLE001 - a consumer raises here what it met before
        _log.warning("kafka client ended badly", error=type(error).__name__)


async def ensure_topic(topic: Topic) -> None:
    """Create *topic* where it is missing; one that exists stays as it is.

    Raises:
        InvalidSettingsError: It exists with other partitions or another clean-up.
        BrokerUnavailableError: The cluster does not answer, or refuses.
    """
    async with answering(topic, "offer"):
        admin = AIOKafkaAdminClient(
            bootstrap_servers=await awake(topic.servers),
            request_timeout_ms=topic.within_ms,
        )
        try:
            await admin.start()
            while (found := await _partitions_of(topic.name, admin)) is None:
                await _create(topic, admin)
                await asyncio.sleep(0.05)
            cleanup = await _cleanup_of(topic.name, admin)
        finally:
            await end(admin.close())
    if found != topic.partitions:
        raise InvalidSettingsError(
            f"Topic {topic.name} has {found} partitions, the log {topic.partitions}, "
            "and a key's partition depends on their number: delete the topic with "
            f"`kafka-topics.sh --bootstrap-server {topic.servers} --delete --topic "
            f"{topic.name}` to have it made anew, or set "
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX to another prefix."
        )
    if cleanup != topic.cleanup:
        raise InvalidSettingsError(
            f"Topic {topic.name} has cleanup.policy={cleanup} and would lose what it "
            f"must keep: run `kafka-configs.sh --bootstrap-server {topic.servers} "
            f"--alter --entity-type topics --entity-name {topic.name} --add-config "
            f"cleanup.policy={topic.cleanup}` and restart the service."
        )


async def _partitions_of(name: str, admin: AIOKafkaAdminClient) -> int | None:
    # All topics are asked for: asking for one by name could create it.
    for found in await admin.describe_topics():
        if found["topic"] == name:
            return len(found["partitions"])
    return None


async def _cleanup_of(name: str, admin: AIOKafkaAdminClient) -> str:
    wanted = ConfigResource(
        ConfigResourceType.TOPIC, name, configs={"cleanup.policy": None}
    )
    [answer] = await admin.describe_configs([wanted])
    [(code, message, _, _, entries)] = answer.resources
    if (error := for_code(code)) is not NoError:
        raise error(message)
    return str(entries[0][1])


async def _create(topic: Topic, admin: AIOKafkaAdminClient) -> None:
    replicas = topic.replication_factor
    new = NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replicas,
        topic_configs={
            **topic.configs,
            "cleanup.policy": topic.cleanup,
            "min.insync.replicas": str(max(1, replicas - 1)),
            # Room for the largest payload that the log takes, with its headers.
            "max.message.bytes": str(LARGEST_BATCH),
        },
    )
    response = await admin.create_topics([new])
    reached("relay.topic-created")
    [(_, code, message)] = response.topic_errors
    error = for_code(code)
    if error is NoError:
        _log.info("topic created", topic=topic.name, partitions=topic.partitions)
    elif error is not TopicAlreadyExistsError:
        raise error(message)


class Tail(NamedTuple):
    """How far a partition of a topic is."""

    position: int | None
    """Of the last event published; 0 if none ever was, None if all were deleted."""
    offset: int
    """Where committed records end."""


async def tail_positions(
    topic: Topic, partitions: Sequence[int]
) -> dict[int, int | None]:
    """Return the position of the last event published in each of *partitions*.

    0 where there never was one, None where all that were have been deleted since.
    """
    found = await tails(topic, partitions)
    return {number: tail.position for number, tail in found.items()}


async def tails(topic: Topic, partitions: Sequence[int]) -> dict[int, Tail]:
    """Return how far each of *partitions* is; what was republished is no progress."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=await awake(topic.servers),
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
) -> dict[int, Tail]:
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    last: dict[TopicPartition, int] = {}
    missing, step = list(partitions), _FIRST_STEP
    while missing:
        # The end of a partition may hold markers and aborted records only.
        starts = {at: max(begins[at], ends[at] - step) for at in missing}
        for at, records in (await _read(consumer, starts, ends)).items():
            if (position := _progress(records, since=starts[at])) is not None:
                last[at] = position
        missing = [at for at in missing if at not in last and starts[at] > begins[at]]
        step *= 8
    return {
        at.partition: Tail(last.get(at, None if begins[at] else 0), ends[at])
        for at in partitions
    }


async def _read(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, list[_Headers]]:
    consumer.assign(list(starts))
    for at, start in starts.items():
        consumer.seek(at, start)
    found: dict[TopicPartition, list[_Headers]] = {at: [] for at in starts}
    unread = [at for at in starts if starts[at] < ends[at]]
    while unread:
        for at, records in (await consumer.getmany(*unread, timeout_ms=20)).items():
            found[at] += [dict(record.headers) for record in records]
        unread = [at for at in unread if await consumer.position(at) < ends[at]]
    return found


def _progress(records: Sequence[_Headers], *, since: int) -> int | None:
    """Return how far a partition is, if its *records* from offset *since* tell."""
    told: int | None = None
    for headers in records:
        if SEQUENCE in headers and REPLAY not in headers:
            told = int(headers[SEQUENCE])
        elif told is None and int(headers.get(TAIL_OFFSET, -1)) >= since:
            # All since the tail that it knew is in *records*, and none is progress.
            told = int(headers[TAIL_SEQUENCE])
    return told
