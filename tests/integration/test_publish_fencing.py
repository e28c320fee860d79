"""Relays that displace each other publish each event once all the same."""

import asyncio
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaProducer

from relays import ALL, Relays, after, batch_of, everything_once, write
from service.errors import BrokerUnavailableError, FencedError
from service.eventlog.records import RecordedEvent
from service.publish.kafka import EventsTopic
from service.publish.relay import Relay

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


class TestFencing:
    async def test_keeps_a_zombie_from_publishing(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that was displaced learns it, and its messages never show."""
        events = await write(relays.log)
        zombie, successor = relays.on(topic), relays.on(topic)
        await zombie.resume(ALL)
        await zombie.handle(batch_of(events[:10]))
        reached = dict(await successor.resume(ALL))

        with pytest.raises(FencedError):
            await zombie.handle(batch_of(events[10:]))
        await successor.handle(batch_of(after(events, reached)))

        assert await everything_once(topic, relays.log)

    async def test_aborts_what_a_zombie_has_sent_already(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Messages sent before a take-over and committed after it never show."""
        events = await write(relays.log)
        await relays.on(topic).resume(ALL)
        zombie = AIOKafkaProducer(
            bootstrap_servers=topic.servers,
            transactional_id=f"{topic.prefix}.relay.0-b",
        )
        await zombie.start()
        try:
            await zombie.begin_transaction()
            await zombie.send_and_wait(topic.name, b"{}", partition=0)
            successor = relays.on(topic)
            reached = dict(await successor.resume(ALL))

            with pytest.raises(Exception, match="newer producer"):
                await zombie.commit_transaction()
        finally:
            await zombie.stop()
        await successor.handle(batch_of(after(events, reached)))

        assert await everything_once(topic, relays.log)

    async def test_survives_take_overs_in_mid_flight(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Relays that displace each other while they publish still publish all once."""
        events = await write(relays.log, orders=20, each=40)
        working, waiting = relays.on(topic), relays.on(topic)
        reached = dict(await working.resume(ALL))

        async def publish(relay: Relay, missing: list[RecordedEvent]) -> None:
            # A take-over that meets a commit is no fencing to the broker, but an error
            # that it does not know; to its relay both mean: fence, read back, go on.
            with suppress(FencedError, BrokerUnavailableError):
                for event in missing:
                    await relay.handle(batch_of([event]))

        for _ in range(5):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(publish(working, after(events, reached)))
                taking_over = tasks.create_task(waiting.resume(ALL))
            reached = dict(taking_over.result())
            working, waiting = waiting, working
        await working.handle(batch_of(after(events, reached)))

        assert await everything_once(topic, relays.log)

    async def test_lanes_leave_each_other_alone(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Two lanes with partitions of their own publish side by side."""
        events = await write(relays.log)
        lanes = [relays.on(topic), relays.on(topic, lane=1)]
        shares = [range(8), range(8, 16)]
        for lane, share in zip(lanes, shares, strict=True):
            await lane.resume(share)

        for lane, share in zip(lanes, shares, strict=True):
            await lane.handle(
                batch_of([event for event in events if event.partition in share])
            )

        assert await everything_once(topic, relays.log)
