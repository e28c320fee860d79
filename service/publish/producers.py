"""Writing to the events topic: transactions that no earlier relay can add to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from service.errors import BrokerUnavailableError
from service.publish.contract import Message
from service.publish.kafka import EventsTopic, answering, end

MOST_RECORDS = 2**30
"""Records that one pair sends at most; aiokafka's sequence numbers break after twice as many."""

_BATCH_BYTES = 1_000_000
_GRACE_MS = 5_000


class FencedProducers:
    """Two transactional producers under fixed ids, taken in turn.

    Two, because the broker still completes a transaction for some 20 ms after its
    commit and keeps the same id waiting. The order holds: a transaction starts only
    when the one before has committed.

    After any failure nothing is known of the producers, so they are dropped; `start`
    makes new ones, and settles what the old ones left.
    """

    def __init__(
        self, topic: EventsTopic, *, ids: str, most_records: int = MOST_RECORDS
    ) -> None:
        self._topic = topic
        self._ids = ids
        self._most_records = most_records
        self._sent = 0
        self._turn: deque[AIOKafkaProducer] = deque()

    async def start(self) -> None:
        """Take over: whoever used these ids before can commit nothing any more.

        What they left open is aborted, what they committed is complete on return.

        Raises:
            BrokerUnavailableError: The cluster does not answer in time.
        """
        await self.stop()
        async with self._dropped_on_failure():
            for side in ("a", "b"):
                producer = self._producer(f"{self._ids}-{side}")
                self._turn.append(producer)
                async with answering(self._topic, "open"):
                    await producer.start()
        self._sent = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        """Write *messages* in one transaction, those of a partition in their order.

        Raises:
            FencedError: Another relay took over; nothing was published.
            BrokerUnavailableError: It may or may not have been published; start anew.
        """
        async with self._dropped_on_failure():
            producer = self._next(len(messages))
            async with answering(self._topic, "publish to"):
                await producer.begin_transaction()
                await self._send(producer, messages)
                await producer.commit_transaction()
        self._turn.rotate()

    async def stop(self) -> None:
        """Drop the producers; whatever they left open, the next start aborts."""
        while self._turn:
            await _drop(self._turn.pop())

    def _next(self, records: int) -> AIOKafkaProducer:
        if not self._turn:
            raise BrokerUnavailableError("The producers are not started; start them.")
        self._sent += records
        if self._sent > self._most_records:
            raise BrokerUnavailableError(
                f"The producers sent {self._most_records} records, so new ones take "
                "over before their sequence numbers run out."
            )
        return self._turn[0]

    def _producer(self, transactional_id: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._topic.servers,
            client_id=transactional_id,
            transactional_id=transactional_id,
            # Not shorter than our own deadline: aiokafka would send the end of a
            # transaction again, and the first could still arrive and end a later one.
            request_timeout_ms=self._topic.within_ms,
            # How long a dead relay holds up those who read what is committed.
            transaction_timeout_ms=self._topic.within_ms + _GRACE_MS,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            max_batch_size=_BATCH_BYTES,
        )

    @asynccontextmanager
    async def _dropped_on_failure(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self.stop()
            raise

    async def _send(
        self, producer: AIOKafkaProducer, messages: Iterable[Message]
    ) -> None:
        """Send all and wait for each batch: a commit would not notice one that failed."""
        sent: list[asyncio.Future[object]] = []
        for partition, batch in _batches(producer, messages):
            future = await producer.send_batch(
                batch, self._topic.name, partition=partition
            )
            future.add_done_callback(_seen)
            sent.append(future)
        await asyncio.wait(sent)
        errors = [error for future in sent if (error := future.exception())]
        if errors:
            raise errors[0]


def _batches(
    producer: AIOKafkaProducer, messages: Iterable[Message]
) -> Iterator[tuple[int, BatchBuilder]]:
    filling: dict[int, BatchBuilder] = {}
    for message in messages:
        batch = filling.get(message.partition)
        if batch is None or not _appended(message, batch):
            if batch is not None:
                yield message.partition, batch
            # An empty batch takes any message, however large.
            batch = filling[message.partition] = producer.create_batch()
            _appended(message, batch)
    yield from filling.items()


def _appended(message: Message, batch: BatchBuilder) -> bool:
    added = batch.append(
        timestamp=message.timestamp_ms,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )
    return added is not None


async def _drop(producer: AIOKafkaProducer) -> None:
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
