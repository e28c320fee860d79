"""Reading stretches of the events topic by hand, each step within a deadline."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from service.errors import BrokerUnavailableError
from service.publish.decoding import Record
from service.publish.kafka import Topic, answering, end

_FETCH_BYTES = 4 * 1024 * 1024
_WAIT_MS = 200


class Bounds(NamedTuple):
    """The offsets between which a partition holds committed records."""

    begin: int
    end: int


class Chunk(NamedTuple):
    """Committed records of a partition, and the offset at which the next ones are."""

    partition: int
    records: list[Record]
    next_offset: int


class TopicReader:
    """Reads *topic* without a group; open it with `reading`, drop it when it fails."""

    def __init__(self, topic: Topic, consumer: AIOKafkaConsumer) -> None:
        self._topic = topic
        self._consumer = consumer

    async def bounds(self, partitions: Iterable[int]) -> dict[int, Bounds]:
        """Return where each of *partitions* begins and ends now.

        Raises:
            BrokerUnavailableError: The cluster does not answer in time.
        """
        wanted = [self._at(partition) for partition in partitions]
        async with answering(self._topic, "tell the ends of"):
            begins = await self._consumer.beginning_offsets(wanted)
            ends = await self._consumer.end_offsets(wanted)
        return {at.partition: Bounds(begins[at], ends[at]) for at in wanted}

    async def read(self, stretches: Mapping[int, Bounds]) -> AsyncIterator[Chunk]:
        """Yield what is in the *stretches*, each partition's in order.

        Raises:
            BrokerUnavailableError: Nothing came for as long as a step may take.
        """
        ends = {self._at(number): bounds.end for number, bounds in stretches.items()}
        unread = [at for at in ends if stretches[at.partition].begin < ends[at]]
        async with answering(self._topic, "hand over"):
            self._consumer.assign(unread)
            for at in unread:
                self._consumer.seek(at, stretches[at.partition].begin)
        while unread:
            async with answering(self._topic, "hand over"):
                chunks = await self._progress(unread, ends)
            for chunk in chunks:
                yield chunk
            done = {chunk.partition: chunk.next_offset for chunk in chunks}
            unread = [at for at in unread if done.get(at.partition, 0) < ends[at]]

    async def _progress(
        self, unread: list[TopicPartition], ends: Mapping[TopicPartition, int]
    ) -> list[Chunk]:
        before = {at: await self._consumer.position(at) for at in unread}
        while True:
            found = await self._consumer.getmany(*unread, timeout_ms=_WAIT_MS)
            after = {at: await self._consumer.position(at) for at in unread}
            chunks = [
                Chunk(
                    at.partition,
                    [
                        record
                        for record in found.get(at, ())
                        if record.offset < ends[at]
                    ],
                    min(after[at], ends[at]),
                )
                for at in unread
                if after[at] > before[at]
            ]
            if chunks:
                return chunks

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic.name, partition)


@asynccontextmanager
async def reading(topic: Topic) -> AsyncIterator[TopicReader]:
    """Open a reader of committed records for as long as the block runs.

    Raises:
        BrokerUnavailableError: The cluster does not answer, or has no such topic.
    """
    if not await exists(topic):
        raise BrokerUnavailableError(
            f"There is no topic {topic.name}; the role publish makes it."
        )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.servers,
        request_timeout_ms=topic.within_ms,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        async with answering(topic, "open"):
            await consumer.start()
        yield TopicReader(topic, consumer)
    finally:
        await leave(consumer)


async def leave(consumer: AIOKafkaConsumer) -> None:
    """End *consumer*, and its connections even if it does not end in time."""
    await end(consumer.stop())
    await end(consumer._client.close())  # noqa: SLF001 - nothing public does


async def exists(topic: Topic) -> bool:
    """Whether the cluster has *topic*; asking for it by name could create it."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=topic.servers, request_timeout_ms=topic.within_ms
    )
    async with answering(topic, "tell of"):
        try:
            await admin.start()
            return topic.name in await admin.list_topics()
        finally:
            await end(admin.close())
