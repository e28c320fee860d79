"""A read model on another machine, filled from the events topic by a consumer group."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from builders import details_fetched, document, invoice_issued, minutes, status_reported
from conftest import PARTITIONS
from eventually import eventually
from published import published
from relays import ALL, Relays, administering, batch_of
from service.clock import SystemClock
from service.db import Pool, connection
from service.domain.facts import OrderFact
from service.errors import FencedError
from service.eventlog.places import Place
from service.eventlog.records import (
    Append,
    Metadata,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.eventlog.store import PostgresEventLog
from service.project.from_kafka import KafkaProjector, group_of
from service.project.orders import CONSUMER, OrdersProjector
from service.publish.contract import Message
from service.publish.dead_letters import DeadLetters, DeadLetterTopic
from service.publish.follower import TopicFollower
from service.publish.kafka import EventsTopic
from topics import broker_standing_still, delete, fill, messages_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)

TABLES = (
    "SELECT to_jsonb(o) - 'change' FROM read.orders AS o ORDER BY o.stream_id",
    # Which entries share a row depends on where batches ended.
    """SELECT stream_id, string_agg(btrim(entries::text, '[]'), ',' ORDER BY version)
    FROM read.timeline GROUP BY stream_id ORDER BY stream_id""",
    """SELECT partition, position FROM eventlog.checkpoints
    WHERE consumer = 'orders' AND position > 0 ORDER BY partition""",
)
EMPTIED = (
    "TRUNCATE read.orders, read.timeline",
    "DELETE FROM eventlog.checkpoints WHERE consumer = 'orders'",
)


async def snapshot(pool: Pool) -> list[list[tuple[Any, ...]]]:
    async with connection(pool) as lent:
        return [[tuple(row) for row in await lent.fetch(sql)] for sql in TABLES]


async def live(
    log: PostgresEventLog, *, orders: int = 8, first: int = 0
) -> list[RecordedEvent]:
    """Append what happens to some orders, and return the whole log."""
    facts: Sequence[OrderFact] = (
        status_reported("payment-pending", last_change=minutes(0)),
        details_fetched(document("handling", last_change=minutes(1))),
        invoice_issued(),
    )
    for order in range(first, first + orders):
        for number, fact in enumerate(facts):
            event = NewEvent(
                fact=fact,
                key=f"key-{number}",
                occurred_at=minutes(number),
                metadata=Metadata(correlation_id="chain-1", source="test"),
            )
            await log.append(
                Append(stream=StreamKey("acme", f"order-{order}"), events=[event])
            )
    return list(await log.read_partitions(dict.fromkeys(ALL, 0), each=1_000))


async def folded(pool: Pool, events: Sequence[RecordedEvent]) -> Any:
    """Return the tables as the log's own projection makes them, and empty them."""
    projector = OrdersProjector(pool)
    await projector.handle(replace(batch_of(events), consumer=CONSUMER))
    expected = await snapshot(pool)
    async with connection(pool) as lent:
        for statement in EMPTIED:
            await lent.execute(statement)
    return expected


def follower(topic: EventsTopic, pool: Pool) -> TopicFollower:
    group = f"{topic.prefix}.read"
    dead_letter_topic = DeadLetterTopic(
        servers=topic.servers, prefix=topic.prefix, partitions=PARTITIONS
    )
    return TopicFollower(
        KafkaProjector(pool, topic=topic.name),
        topic,
        group=group,
        dead_letters=DeadLetters(dead_letter_topic, group=group),
        clock=SystemClock(),
    )


@asynccontextmanager
async def following(
    *followers: TopicFollower,
) -> AsyncIterator[list[asyncio.Task[None]]]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.run()) for each in followers]
        try:
            yield running
        finally:
            for task in running:
                task.cancel()


def showing(pool: Pool, expected: object) -> Callable[[], Awaitable[bool]]:
    async def shown() -> bool:
        return await snapshot(pool) == expected

    return shown


@pytest_asyncio.fixture
async def events(relays: Relays) -> list[RecordedEvent]:
    return await live(relays.log)


class TestFollow:
    async def test_gives_what_the_log_gives(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """The tables are those that the log's own projection makes, to the microsecond."""
        expected = await folded(relays.pool, events)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))

        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)

    async def test_is_shared_and_handed_over(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Two members share the partitions; when one leaves, the other takes over."""
        await fill(topic, messages_of(events))
        one, other = follower(topic, relays.pool), follower(topic, relays.pool)

        async with following(one, other) as running:

            async def shared() -> bool:
                return (
                    0
                    < len(one.partitions)
                    < PARTITIONS
                    == len({*one.partitions, *other.partitions})
                )

            await eventually(shared, within=15)
            more = await live(relays.log, first=100)
            await fill(topic, messages_of(e for e in more if e not in events))
            running[0].cancel()
            last = await live(relays.log, first=200)
            await fill(topic, messages_of(e for e in last if e not in more))
            heads = {n: head for n, head in (await relays.log.heads()).items() if head}

            async def caught_up() -> bool:
                return dict((await snapshot(relays.pool))[2]) == heads

            await eventually(caught_up, within=15)

        found = await snapshot(relays.pool)
        assert found == await folded_anew(relays.pool, last)

    async def test_goes_on_where_its_database_is(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """What the group has committed does not count: a restored database catches up."""
        expected = await folded(relays.pool, events)
        await fill(topic, messages_of(events))
        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)
        async with connection(relays.pool) as lent:
            for statement in (*EMPTIED, "DELETE FROM publish.offsets"):
                await lent.execute(statement)

        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)

    async def test_takes_what_is_there_twice_once(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Events that were sent or published again change nothing."""
        expected = await folded(relays.pool, events)
        messages = messages_of(events)
        replayed = [replayed_of(message) for message in messages[:5]]
        await fill(topic, [*messages[:9], *messages[3:], *replayed])

        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)

    async def test_follows_a_topic_made_anew(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A topic that was deleted and filled from the log is found out and followed."""
        await fill(topic, messages_of(events) * 10)
        expected = await folded(relays.pool, events)
        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)
        await delete(topic)
        await fill(topic, messages_of(events))
        more = await live(relays.log, first=100)
        await fill(topic, messages_of(e for e in more if e not in events))
        heads = {n: head for n, head in (await relays.log.heads()).items() if head}

        async with following(follower(topic, relays.pool)):

            async def caught_up() -> bool:
                return dict((await snapshot(relays.pool))[2]) == heads

            await eventually(caught_up, within=15)

    @pytest.mark.timeout(90)
    @pytest.mark.usefixtures("abandoned_sockets")
    async def test_outlives_an_outage(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A broker that stands still is waited for, and then followed on."""
        expected = await folded(relays.pool, events)
        await fill(topic, messages_of(events)[:9])
        surviving = follower(replace(topic, within=3.0), relays.pool)
        async with following(surviving):

            async def state() -> bool:
                return surviving.progress.state == "running"

            await eventually(state, within=15)

            async def waiting() -> bool:
                return surviving.progress.state == "waiting"

            with broker_standing_still():
                await eventually(waiting, within=15)
            await fill(topic, messages_of(events)[9:])
            await eventually(showing(relays.pool, expected), within=40)


async def folded_anew(pool: Pool, events: Sequence[RecordedEvent]) -> Any:
    async with connection(pool) as lent:
        for statement in EMPTIED:
            await lent.execute(statement)
    return await folded(pool, events)


def replayed_of(message: Message) -> Message:
    return message._replace(headers=[*message.headers, ("ce_replay", b"true")])


class TestGaps:
    async def test_stop_the_follower(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A hole stops it with the partition, the positions and the command to run."""
        messages = messages_of(events)
        partition = messages[0].partition
        await fill(topic, [messages[0], *messages[2:]])
        stopping = follower(topic, relays.pool)

        with capture_logs() as logged:
            async with following(stopping) as running:
                await asyncio.wait(running, timeout=15)

        assert stopping.progress.state == "stopped"
        assert f"Partition {partition}" in str(stopping.progress.missing)
        assert "from position 1 to 3" in str(stopping.progress.missing)
        assert "order-tracking audit --repair" in str(stopping.progress.missing)
        assert [line["log_level"] for line in logged if line["event"] == "stopped"] == [
            "critical"
        ]

    async def test_are_mended_by_a_repair(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Events that were published again later are taken where they are missing."""
        expected = await folded(relays.pool, events)
        messages = messages_of(events)
        await fill(topic, [messages[0], *messages[2:]])
        await fill(topic, [replayed_of(messages[1])])

        async with following(follower(topic, relays.pool)):
            await eventually(showing(relays.pool, expected), within=15)


class TestDeadLetters:
    async def test_are_set_aside(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A record that nobody can decode is kept whole, with the reason, and passed."""
        expected = await folded(relays.pool, events)
        messages = messages_of(events)
        broken = messages[0]._replace(
            key=b"\xff", value=b"{secret", headers=[("mine", b"\x00\xff")]
        )
        await fill(topic, [messages[0], broken, *messages[1:]])

        with capture_logs() as logged:
            async with following(follower(topic, relays.pool)):
                await eventually(showing(relays.pool, expected), within=15)

        dead_letter_topic = DeadLetterTopic(
            servers=topic.servers, prefix=topic.prefix, partitions=PARTITIONS
        )
        [letter] = await published(dead_letter_topic)
        headers = dict(letter.headers)
        assert (letter.key, letter.value, letter.partition) == (
            b"\xff",
            b"{secret",
            broken.partition,
        )
        assert headers["mine"] == b"\x00\xff"
        assert headers["dlq.original.topic"].decode() == topic.name
        assert headers["dlq.original.offset"] == b"1"
        assert headers["dlq.original.group"].decode() == f"{topic.prefix}.read"
        assert headers["dlq.error.type"] == b"UndecodableError"
        assert headers["dlq.error.stage"] == b"decode"
        assert "secret" not in str(logged)

    async def test_are_no_events_of_a_newer_version(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """An event that this version does not know stops the follower."""
        message = newer(events[0])
        await fill(topic, [message])
        stopping = follower(topic, relays.pool)

        async with following(stopping) as running:
            await asyncio.wait(running, timeout=15)

        assert "install a newer version" in str(stopping.progress.missing)
        async with administering(topic) as admin:
            assert f"{topic.prefix}.order.dlt" not in await admin.list_topics()


def newer(event: RecordedEvent) -> Message:
    [message] = messages_of([event._replace(type="OrderTeleported")])
    return message


class TestHandle:
    async def test_refuses_a_zombie(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A member that lost a partition without knowing it changes nothing."""
        partition = events[0].partition
        owner = KafkaProjector(relays.pool, topic=topic.name)
        zombie = KafkaProjector(relays.pool, topic=topic.name)
        mine = [event for event in events if event.partition == partition]
        await owner.handle(
            mine[:2], before={partition: 0}, places={partition: Place(2, 2)}
        )
        before = await snapshot(relays.pool)

        with pytest.raises(FencedError):
            await zombie.handle(
                mine[:1], before={partition: 0}, places={partition: Place(1, 1)}
            )

        assert await snapshot(relays.pool) == before
        assert await zombie.places([partition]) == {partition: Place(2, 2)}

    async def test_knows_its_database(self, pool: Pool) -> None:
        """The group is named after the database, and is the same every time."""
        name = await group_of(pool, prefix="shop")

        assert name.startswith("shop.read.")
        assert await group_of(pool, prefix="shop") == name
