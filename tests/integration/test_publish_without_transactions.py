"""A cluster that forbids transactions is published to as well, with less of a promise."""

import pytest
from aiokafka.admin import NewTopic

from events import new_event
from published import positions, published
from relays import ALL, Relays, administering, after, batch_of, everything_once, write
from service.domain.facts import HandlingRequested
from service.errors import BrokerUnavailableError
from service.eventlog.records import Append, StreamKey
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic
from service.publish.producers import FencedProducers, IdempotentProducer

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


class TestWithoutTransactions:
    async def test_publishes_each_event_once_in_order(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """As long as nothing is paused, everything is there once and in order."""
        events = await write(relays.log, orders=20, each=20)
        relay = relays.on(topic, transactions=False)
        await relay.resume(ALL)
        for start in range(0, len(events), 50):
            await relay.handle(batch_of(events[start : start + 50]))

        assert await everything_once(topic, relays.log)

    async def test_goes_on_after_the_last_message(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that takes over reads back how far the topic is."""
        events = await write(relays.log)
        first = relays.on(topic, transactions=False)
        await first.resume(ALL)
        await first.handle(batch_of(events[:10]))

        successor = relays.on(topic, transactions=False)
        reached = dict(await successor.resume(ALL))
        await successor.handle(batch_of(after(events, reached)))

        assert sum(reached.values()) == 10
        assert await everything_once(topic, relays.log)

    async def test_goes_on_behind_what_a_refused_batch_left(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Of a batch that failed in part, what is there already is not sent again."""
        async with administering(topic) as admin:
            small = {"max.message.bytes": "800"}
            new = NewTopic(topic.name, topic.partitions, 1, topic_configs=small)
            await admin.create_topics([new])
        large = HandlingRequested(requested_by=str(list(range(1000))))
        await write(relays.log, orders=10, each=1)
        await relays.log.append(
            Append(stream=StreamKey("acme", "large"), events=[new_event("l", large)])
        )
        events = await write(relays.log, orders=0)
        relay = relays.on(topic, transactions=False)
        await relay.resume(ALL)

        for _ in range(2):
            with pytest.raises(BrokerUnavailableError, match="MessageSizeTooLarge"):
                await relay.handle(
                    batch_of(after(events, dict(await relay.resume(ALL))))
                )

        found = positions(await published(topic))
        assert all(sent == list(range(1, len(sent) + 1)) for sent in found.values())
        assert 0 < sum(map(len, found.values())) < len(events)

    async def test_does_not_fence_a_zombie(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that was paused can finish its batch: its events are there twice."""
        events = await write(relays.log)
        zombie = relays.on(topic, transactions=False)
        await zombie.resume(ALL)
        successor = relays.on(topic, transactions=False)
        await successor.resume(ALL)
        await successor.handle(batch_of(events))

        await zombie.handle(batch_of(events))

        assert len(await published(topic)) == 2 * len(events)


class TestCompression:
    @pytest.mark.parametrize("kind", [FencedProducers, IdempotentProducer])
    async def test_makes_large_batches_small(
        self,
        relays: Relays,
        topic: EventsTopic,
        kind: type[FencedProducers | IdempotentProducer],
    ) -> None:
        """A batch of 300 KB that compresses well passes where 20 KB are allowed."""
        async with administering(topic) as admin:
            small = {"max.message.bytes": "20000"}
            new = NewTopic(topic.name, topic.partitions, 1, topic_configs=small)
            await admin.create_topics([new])
        events = await write(relays.log, orders=1, each=300, size=1000)
        contract = Contract("https://orders.example")
        producers = kind(topic, ids=f"{topic.prefix}.small")
        await producers.start()

        await producers.publish(map(contract.message, events))
        await producers.stop()

        assert await everything_once(topic, relays.log)
