"""What a reader of committed records finds on a topic."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.publish.kafka import Topic


async def published(topic: Topic) -> list[Any]:
    """Return all committed records of *topic*, each partition's in order."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic.name, number) for number in range(topic.partitions)
        ]
        ends = await _ends(topic, partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        found: list[Any] = []
        while any([await consumer.position(at) < ends[at] for at in partitions]):
            for records in (await consumer.getmany(timeout_ms=20)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def _ends(
    topic: Topic, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return where *partitions* end, with what is only just being committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=topic.servers)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()


def positions(records: Sequence[Any]) -> dict[int, list[int]]:
    """Return the sequences that each partition's *records* carry."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for record in records:
        found[record.partition].append(int(dict(record.headers)["ce_sequence"]))
    return dict(found)
