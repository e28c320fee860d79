"""What all producers do alike: send whole batches, and be dropped at once."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, groupby
from operator import attrgetter

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from service.failpoints import reached
from service.publish.contract import Message
from service.publish.kafka import Topic, end

BATCH_BYTES = 1_000_000
"""Most bytes of a batch, before it is compressed."""

_WORTH_SENDING = 2_000_000
"""Bytes that go out while the rest is filled; less would be many costly requests."""


async def send(
    producer: AIOKafkaProducer, topic: Topic, messages: Iterable[Message]
) -> int:
    """Send all, wait for each batch, and return how many messages there were.

    A commit would not notice a batch that failed.
    """
    count = filled = 0
    sent: list[asyncio.Future[object]] = []
    for partition, batch in _batches(producer, messages):
        count += batch.record_count()
        filled += batch.size()
        future = await producer.send_batch(batch, topic.name, partition=partition)
        future.add_done_callback(_seen)
        sent.append(future)
        reached("relay.sent-partly")
        if filled > _WORTH_SENDING:
            filled = 0
            await asyncio.sleep(0)
    await asyncio.wait(sent)
    errors = [error for future in sent if (error := future.exception())]
    if errors:
        raise errors[0]
    return count


def _batches(
    producer: AIOKafkaProducer, messages: Iterable[Message]
) -> Iterator[tuple[int, BatchBuilder]]:
    """Fill batches; the fewer, the less often the partition changes."""
    for partition, group in groupby(messages, key=attrgetter("partition")):
        batch = producer.create_batch()
        for message in group:
            if not _appended(message, batch):
                yield partition, batch
                # An empty batch takes any message, however large.
                batch = producer.create_batch()
                _appended(message, batch)
        yield partition, batch


def _appended(message: Message, batch: BatchBuilder) -> bool:
    added = batch.append(
        timestamp=message.timestamp_ms,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )
    return added is not None


async def drop(producer: AIOKafkaProducer) -> None:
    """End *producer* at once; what it has not sent yet is not sent."""
    # Its own stop() waits until the brokers took all that is unsent, for ever if need
    # be; nothing public ends a producer without.
    sending = producer._sender.sender_task  # noqa: SLF001
    while sending is not None and not sending.done():
        sending.cancel()
        await asyncio.wait([sending], timeout=0.2)
    producer._closed = True  # noqa: SLF001
    await end(producer.client.close())
    unsent = producer._message_accumulator._batches  # noqa: SLF001
    for batch in chain.from_iterable(unsent.values()):
        with suppress(KafkaError):
            await batch.wait_drain(timeout=0)
    verdict = producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
    if verdict is not None:
        verdict.add_done_callback(_seen)


def _seen(future: asyncio.Future[object]) -> None:
    # Whoever publishes is told; asyncio would tell of each future once more.
    if not future.cancelled():
        future.exception()
