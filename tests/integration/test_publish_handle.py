"""Each event of a batch reaches the topic once, in order, as its contract says."""

import asyncio

import orjson
import pytest
from aiokafka.partitioner import murmur2
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from conftest import PARTITIONS
from events import new_event
from published import published
from relays import ALL, Relays, batch_of, everything_once, write
from service.db import connection
from service.domain.facts import HandlingRequested
from service.errors import BrokerUnavailableError
from service.eventlog.checkpoints import load_positions
from service.eventlog.records import Append, Batch, StreamKey
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic
from service.publish.producers import FencedProducers

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


class TestHandle:
    async def test_publishes_each_event_once_in_order(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A batch of many partitions reaches the topic whole and in order."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        assert await everything_once(topic, relays.log)

    async def test_publishes_cloud_events(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """What a reader gets decodes as the CloudEvent of the logged event."""
        events = await write(relays.log, orders=1, each=1)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        [record] = await published(topic)
        cloud_event = from_kafka_event(
            KafkaMessage(
                headers=dict(record.headers), key=record.key, value=record.value
            )
        )
        assert cloud_event.get_id() == events[0].id
        assert cloud_event.get_subject() == "acme/order-0"
        assert cloud_event.get_data() == orjson.loads(events[0].data)
        assert record.timestamp == int(events[0].recorded_at.timestamp() * 1000)

    async def test_uses_the_partition_of_the_log(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A message's partition is the log's, and the one Java clients compute."""
        events = await write(relays.log, orders=50, each=1)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        records = await published(topic)
        partitions = {str(event.stream).encode(): event.partition for event in events}
        assert {record.key: record.partition for record in records} == partitions
        assert all(
            (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS == record.partition
            for record in records
        )

    async def test_keeps_the_order_over_many_transactions(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Batches that alternate between two producers stay in order."""
        events = await write(relays.log, orders=3, each=20)
        relay = relays.on(topic)
        await relay.resume(ALL)

        for event in events:
            await relay.handle(batch_of([event]))

        assert await everything_once(topic, relays.log)

    async def test_publishes_a_large_batch(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """5,000 events of 1 KB, most in one partition, go in one transaction."""
        await write(relays.log, orders=10, each=100, size=1000)
        events = await write(relays.log, orders=1, each=4000, size=1000)
        assert len(events) == 5000
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        assert await everything_once(topic, relays.log)

    async def test_publishes_the_largest_payload_that_the_log_takes(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A payload that does not compress and fills the log's limit gets through."""
        noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(349_000))
        fact = HandlingRequested(requested_by=noise)
        stream = StreamKey("acme", "large")
        await relays.log.append(
            Append(stream=stream, events=[new_event("large", fact)])
        )
        events = await write(relays.log, orders=1)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        assert await everything_once(topic, relays.log)

    async def test_saves_the_checkpoint(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """After a batch the checkpoint says how far the topic is."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        async with connection(relays.pool) as lent:
            saved = await load_positions(lent, relay.name, list(ALL))
        assert saved == await relays.log.heads()

    async def test_lets_events_gather(self, relays: Relays, topic: EventsTopic) -> None:
        """A relay with an interval is ready for the next batch when it is over."""
        relay = relays.on(topic, interval=0.5)
        await relay.resume(ALL)
        started = asyncio.get_running_loop().time()

        await relay.handle(batch_of(await write(relays.log)))

        assert asyncio.get_running_loop().time() - started >= 0.5
        assert await everything_once(topic, relays.log)

    async def test_takes_a_batch_without_events(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A batch that only moves on publishes nothing and moves the checkpoint."""
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(Batch(consumer=relay.name, events=[], positions={3: 9}))

        async with connection(relays.pool) as lent:
            assert await load_positions(lent, relay.name, [3]) == {3: 9}
        assert await published(topic) == []

    async def test_refuses_before_it_resumed(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that has fenced nobody publishes nothing."""
        events = await write(relays.log)

        with pytest.raises(BrokerUnavailableError, match="not started"):
            await relays.on(topic).handle(batch_of(events))


class TestProducers:
    async def test_ends_before_sequence_numbers_run_out(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Producers that sent their share give way to new ones, and go on after."""
        events = await write(relays.log, orders=1, each=3)
        relay = relays.on(topic)
        await relay.resume(ALL)
        producers = FencedProducers(topic, ids="short", most_records=2)
        await producers.start()
        messages = [Contract("https://orders.example").message(e) for e in events]
        await producers.publish(messages[:2])

        with pytest.raises(BrokerUnavailableError, match="new ones take over"):
            await producers.publish(messages[2:])
        await producers.start()
        await producers.publish(messages[2:])
        await producers.stop()

        assert await everything_once(topic, relays.log)
