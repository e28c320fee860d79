"""The relay: follows the log and brings a topic to where it is, once and in order."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog
from opentelemetry.trace import SpanKind

from service.db import Pool, connection
from service.errors import TopicAheadError
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.ports import Clock
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog
from service.failpoints import reached
from service.publish.content import Content
from service.publish.contract import Message
from service.publish.filling import Filling
from service.publish.kafka import Topic, ensure_topic, tail_positions
from service.publish.producers import producers_for
from service.telemetry import SECONDS, links_to, meter, tracer

_log = structlog.get_logger()
_sent = meter.create_counter(
    "messaging.client.sent.messages", unit="{message}", description="Messages sent."
)
_duration = meter.create_histogram(
    "messaging.client.operation.duration",
    unit="s",
    description="Duration of one transaction, from its first send to its commit.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
_delay = meter.create_histogram(
    "publish.delay",
    unit="s",
    description="Time from the record of a batch's oldest event to its commit on Kafka.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
_starts = meter.create_counter(
    "publish.producer.starts",
    unit="{start}",
    description="Times that the producers were made anew and fenced earlier ones.",
)


class Relay:
    """See `Consumer`; a lane has one relay at work, so its subscription one slot.

    Leases only spare relays from displacing each other. That nothing is published
    twice or out of order rests on Kafka: resuming fences every other relay of the
    lane before it reads back how far the topic is. Without *transactions* a relay
    that was paused can still finish its batch after another took over.

    A relay that need not be quick begins no batch before *interval* seconds after the
    one before: a transaction costs the cluster much, an event in it little.
    """

    parks_streams = False

    def __init__(
        self,
        topic: Topic,
        content: Content,
        *,
        log: PostgresEventLog,
        pool: Pool,
        clock: Clock,
        lane: int = 0,
        transactions: bool = True,
        interval: float = 0.0,
    ) -> None:
        self.name = f"{content.name}-{lane}"
        self._topic = topic
        self._content = content
        self._log = log
        self._pool = pool
        self._clock = clock
        self._interval = interval
        self._producers = producers_for(
            topic,
            ids=f"{topic.prefix}.{content.name}.{lane}",
            transactions=transactions,
        )
        self._filling = Filling(topic.name, clock)
        self._labels = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic.name,
        }

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Fence every other relay of the lane, then return where the topic ends.

        Raises:
            BrokerUnavailableError: The cluster does not answer in time.
            TopicAheadError: The topic holds events that the log does not.
            InvalidSettingsError: The topic has another number of partitions.
        """
        if not partitions:  # a relay that waits for its turn must not fence
            await self.close()
            return {}
        self._content.forget()
        await self._producers.start()
        _starts.add(1, {"consumer": self.name})
        await ensure_topic(self._topic)
        reached("relay.topic-ready")
        positions = await self._published(partitions)
        reached("relay.read-back")
        heads = await self._log.heads()
        for partition, position in positions.items():
            if position > heads.get(partition, 0):
                raise _topic_ahead(self._topic, partition, position)
        self._filling.start(
            sum(heads.get(number, 0) - tail for number, tail in positions.items())
        )
        return positions

    async def _published(self, partitions: Sequence[int]) -> dict[int, int]:
        tails = await tail_positions(self._topic, partitions)
        positions = {number: tail for number, tail in tails.items() if tail is not None}
        emptied = [number for number in partitions if number not in positions]
        if emptied:
            _log.warning("topic emptied", topic=self._topic.name, partitions=emptied)
            async with connection(self._pool) as lent:
                positions |= await load_positions(lent, self.name, emptied)
        return positions

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`; Kafka holds the position, the checkpoint repeats it."""
        started = time.perf_counter()
        if batch.events:
            await self._publish(await self._content.messages(batch.events))
            oldest = min(event.recorded_at for event in batch.events)
            delay = (self._clock.now() - oldest).total_seconds()
            _delay.record(max(0.0, delay), {"consumer": self.name})
            self._filling.add(len(batch.events))
        async with connection(self._pool, "relay.checkpoint") as lent:
            # Kafka has it: the next events need not wait until this is on the disk.
            await save_positions(lent, batch, durably=False)
        if batch.events:
            await asyncio.sleep(started + self._interval - time.perf_counter())

    async def close(self) -> None:
        """Let go of the producers."""
        await self._producers.stop()

    async def _publish(self, messages: Iterable[Message]) -> None:
        passing = _Passing(messages)
        with tracer.start_as_current_span(
            "publish events", kind=SpanKind.CLIENT, attributes=self._labels
        ) as span:
            started, labels = time.perf_counter(), self._labels
            try:
                await self._producers.publish(passing)
            except BaseException as error:
                labels = {**labels, "error.type": type(error).__name__}
                span.set_attributes(labels)
                raise
            finally:
                span.set_attribute("messaging.batch.message_count", passing.count)
                for link in links_to(passing.traceparents):
                    span.add_link(link.context)
                _duration.record(time.perf_counter() - started, labels)
                _sent.add(passing.count, labels)


class _Passing:
    """Messages that are made as they are sent; tells how many, and of which traces."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.count = 0
        self.traceparents: dict[str | None, None] = {}
        self._messages = messages

    def __iter__(self) -> Iterator[Message]:
        for message in self._messages:
            self.count += 1
            self.traceparents[message.traceparent] = None
            yield message


def _topic_ahead(topic: Topic, partition: int, position: int) -> TopicAheadError:
    return TopicAheadError(
        f"Partition {partition} of {topic.name} ends with position {position}, which "
        "the log has not reached: it was restored from an older backup, or replaced. "
        "Restore a newer backup; or, to publish this log from its start, run "
        f"`kafka-topics.sh --bootstrap-server {topic.servers} --delete --topic "
        f"{topic.name}` and restart the service, which makes the topic anew."
    )
