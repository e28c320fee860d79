"""Writing to a topic: transactions that no earlier relay can add to, or without."""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer

from service.errors import BrokerUnavailableError
from service.failpoints import reached
from service.publish.bootstrap import awake
from service.publish.contract import Message
from service.publish.kafka import Topic, answering
from service.publish.sending import BATCH_BYTES, drop, send

MOST_RECORDS = 2**30
"""Records after which producers end; aiokafka's sequence numbers break after twice as many."""

_GRACE_MS = 5_000


class Producers(Protocol):
    """What writes batches of messages to one topic.

    After any failure nothing is known of what was written, so nothing is left to
    publish with: `start` anew, read back how far the topic is, and go on after it.
    """

    async def start(self) -> None:
        """Take over from whoever wrote before, as far as the cluster allows.

        Raises:
            BrokerUnavailableError: The cluster does not answer in time.
        """
        ...

    async def publish(self, messages: Iterable[Message]) -> None:
        """Write *messages*, those of a partition in their order.

        Raises:
            FencedError: Another relay took over; nothing was published.
            BrokerUnavailableError: It may or may not have been published; start anew.
        """
        ...

    async def stop(self) -> None:
        """Let go of everything at once."""
        ...


class FencedProducers:
    """See `Producers`: two of them under fixed transactional ids, taken in turn.

    Two, because the broker still completes a transaction for some 20 ms after its
    commit and keeps the same id waiting. The order holds: a transaction starts only
    when the one before has committed. Whoever used these ids before `start` can
    commit nothing after it; what it left open is aborted.
    """

    def __init__(
        self, topic: Topic, *, ids: str, most_records: int = MOST_RECORDS
    ) -> None:
        self._topic = topic
        self._turn = _Turn(topic, most_records)
        self._ids = [f"{ids}-a", f"{ids}-b"]

    async def start(self) -> None:
        """See `Producers.start`."""
        await self._turn.start([self._options(name) for name in self._ids])

    async def publish(self, messages: Iterable[Message]) -> None:
        """See `Producers.publish`; all of *messages* or none, in one transaction."""
        async with self._turn.take() as producer:
            reached("relay.beginning")
            await producer.begin_transaction()
            reached("relay.begun")
            self._turn.sent += await send(producer, self._topic, messages)
            reached("relay.sent")
            await producer.commit_transaction()
            reached("relay.committed")

    async def stop(self) -> None:
        """See `Producers.stop`; whatever is open, the next start aborts."""
        await self._turn.stop()

    def _options(self, transactional_id: str) -> dict[str, Any]:
        return {
            "client_id": transactional_id,
            "transactional_id": transactional_id,
            # How long a dead relay holds up those who read what is committed.
            "transaction_timeout_ms": self._topic.within_ms + _GRACE_MS,
        }


class IdempotentProducer:
    """See `Producers`: for clusters that allow no transactions.

    Nobody is fenced: a process that was paused in the middle of a batch may finish
    it after another took over, and its events are there twice.
    """

    def __init__(
        self, topic: Topic, *, ids: str, most_records: int = MOST_RECORDS
    ) -> None:
        self._topic = topic
        self._turn = _Turn(topic, most_records)
        self._id = ids

    async def start(self) -> None:
        """See `Producers.start`."""
        await self._turn.start([{"client_id": self._id}])

    async def publish(self, messages: Iterable[Message]) -> None:
        """See `Producers.publish`; of each partition, a first part may be there."""
        async with self._turn.take() as producer:
            self._turn.sent += await send(producer, self._topic, messages)

    async def stop(self) -> None:
        """See `Producers.stop`."""
        await self._turn.stop()


def producers_for(topic: Topic, *, ids: str, transactions: bool) -> Producers:
    """Return what writes to *topic*, with *transactions* if the cluster allows them."""
    kind = FencedProducers if transactions else IdempotentProducer
    return kind(topic, ids=ids)


class _Turn:
    """Started producers that are taken in turn, and dropped after any failure."""

    def __init__(self, topic: Topic, most_records: int) -> None:
        self._topic = topic
        self._most_records = most_records
        self.sent = 0
        self._waiting: deque[AIOKafkaProducer] = deque()

    async def start(self, options: Sequence[dict[str, Any]]) -> None:
        await self.stop()
        servers = await awake(self._topic.servers)
        async with self._dropped_on_failure():
            for each in options:
                producer = self._producer(servers, each)
                self._waiting.append(producer)
                reached("relay.fencing")
                async with answering(self._topic, "open"):
                    await producer.start()
                reached("relay.fenced")
        self.sent = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[AIOKafkaProducer]:
        """Lend the next one, for as long as the cluster has for a batch."""
        async with self._dropped_on_failure():
            producer = self._next()
            async with answering(self._topic, "publish to"):
                yield producer
        self._waiting.rotate()

    async def stop(self) -> None:
        while self._waiting:
            await drop(self._waiting.pop())

    def _next(self) -> AIOKafkaProducer:
        if not self._waiting:
            raise BrokerUnavailableError("The producers are not started; start them.")
        if self.sent >= self._most_records:
            raise BrokerUnavailableError(
                f"The producers sent {self.sent} records, so new ones take "
                "over before their sequence numbers run out."
            )
        return self._waiting[0]

    def _producer(self, servers: str, options: dict[str, Any]) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=servers,
            # Not shorter than our own deadline: aiokafka would send the end of a
            # transaction again, and the first could still arrive and end a later one.
            request_timeout_ms=self._topic.within_ms,
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            **options,
        )

    @asynccontextmanager
    async def _dropped_on_failure(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self.stop()
            raise
