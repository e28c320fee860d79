"""A relay goes on where the topic ends, whatever is at the end."""

import asyncio
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from eventually import eventually
from relays import ALL, Relays, after, batch_of, everything_once, write
from service.clock import SystemClock
from service.db import Pool, connection, transaction
from service.errors import FencedError, TopicAheadError
from service.eventlog.checkpoints import save_positions
from service.eventlog.records import Batch
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.publish.kafka import EventsTopic
from topics import delete, delete_records

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


async def abort(topic: EventsTopic, *, records: int) -> None:
    """Leave *records* aborted records at the end of each partition."""
    producer = AIOKafkaProducer(
        bootstrap_servers=topic.servers, transactional_id=f"{topic.prefix}.abort"
    )
    await producer.start()
    await producer.begin_transaction()
    for partition in ALL:
        for _ in range(records):
            await producer.send(
                topic.name,
                b"{}",
                partition=partition,
                headers=[("ce_sequence", b"%020d" % 999)],
            )
    await producer.flush()
    await producer.abort_transaction()
    await producer.stop()


class TestResume:
    async def test_starts_at_zero_on_an_empty_topic(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A topic without messages is filled from the start of the log."""
        await write(relays.log)

        assert await relays.on(topic).resume(ALL) == dict.fromkeys(ALL, 0)

    async def test_ignores_a_checkpoint_that_the_topic_does_not_bear_out(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A new broker is filled from the log, whatever was published to another."""
        await write(relays.log)
        async with transaction(relays.pool) as lent:
            await save_positions(
                lent, Batch(consumer="relay-0", events=[], positions={0: 5})
            )

        assert (await relays.on(topic).resume([0]))[0] == 0

    async def test_goes_on_after_the_last_message(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that takes over starts after what the one before committed."""
        events = await write(relays.log)
        first = relays.on(topic)
        await first.resume(ALL)
        await first.handle(batch_of(events))

        assert await relays.on(topic).resume(ALL) == await relays.log.heads()

    async def test_finds_the_last_message_before_many_aborted_ones(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Markers and hundreds of aborted records at the end hide nothing."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        await abort(topic, records=700)

        assert await relay.resume(ALL) == await relays.log.heads()

    async def test_counts_aborted_messages_as_none(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A topic that holds nothing but aborted records is filled from the start."""
        await relays.on(topic).resume(ALL)
        await abort(topic, records=20)

        assert await relays.on(topic).resume(ALL) == dict.fromkeys(ALL, 0)

    async def test_asks_the_checkpoint_when_messages_were_deleted(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Where retention took every message, the checkpoint says how far it was."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        await delete_records(topic)

        assert await relay.resume(ALL) == await relays.log.heads()

    async def test_publishes_nothing_twice_when_the_checkpoint_is_lost(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A stop between commit and checkpoint neither repeats nor loses an event."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)
        with pytest.raises(FencedError):
            await relay.handle(batch_of(events[:10], tokens={0: 99}))

        successor = relays.on(topic)
        reached = dict(await successor.resume(ALL))
        await successor.handle(batch_of(after(events, reached)))

        assert sum(reached.values()) == 10
        assert await everything_once(topic, relays.log)

    async def test_makes_the_topic_anew(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A topic that was deleted is made again and filled from the log."""
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        await delete(topic)

        assert await relay.resume(ALL) == dict.fromkeys(ALL, 0)
        await relay.handle(batch_of(events))

        assert await everything_once(topic, relays.log)

    async def test_refuses_a_topic_ahead_of_the_log(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A log that lost events published already is an error that says what to do."""
        events = await write(relays.log, orders=1)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        async with connection(relays.pool) as lent:
            await lent.execute("UPDATE eventlog.partitions SET head = 0")

        with pytest.raises(TopicAheadError) as refusal:
            await relay.resume(ALL)

        assert f"Partition {events[0].partition} of {topic.name}" in str(refusal.value)
        assert f"--delete --topic {topic.name}" in str(refusal.value)

    async def test_without_partitions_fences_nobody(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that waits for its turn leaves the one at work alone."""
        events = await write(relays.log)
        working, waiting = relays.on(topic), relays.on(topic)
        await working.resume(ALL)

        assert await waiting.resume([]) == {}
        await working.handle(batch_of(events))

        assert await everything_once(topic, relays.log)

    async def test_brings_a_checkpoint_up_to_the_topic(
        self, relays: Relays, topic: EventsTopic, pool: Pool, wake: Wake
    ) -> None:
        """A relay that died between its commit and its checkpoint leaves no lag behind."""
        events = await write(relays.log)
        first = relays.on(topic)
        await first.resume(ALL)
        await first.handle(batch_of(events))
        await pool.execute("DELETE FROM eventlog.checkpoints")
        second = Subscription(
            relays.on(topic),
            log=relays.log,
            pool=pool,
            wake=wake,
            clock=SystemClock(),
            member=UUID(int=1),
            slots=[ALL],
        )

        async def told() -> bool:
            reached: int = await pool.fetchval(
                "SELECT sum(position)::int FROM eventlog.checkpoints"
            )
            return reached == len(events)

        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(second.run())
            await eventually(told)
            following.cancel()
