"""What is published again by command is marked, is no progress, and is never stale."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from typing_extensions import override

from conftest import PARTITIONS
from events import append_of
from published import positions, published
from relays import ALL, Relays, after, batch_of, write
from service.errors import FencedError, OrderNotFoundError, RejectedError
from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.contract import Contract, Message
from service.publish.kafka import EventsTopic, StateTopic, Topic, tail_positions
from service.publish.producers import FencedProducers
from service.publish.relay import Relay
from service.publish.republish import Republisher

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)

ORDER = StreamKey("acme", "order-3")


class Racing(FencedProducers):
    """Producers that let something else happen *first*, each time they write."""

    def __init__(
        self, topic: Topic, *, ids: str, first: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(topic, ids=ids)
        self._first = first

    @override
    async def publish(self, messages: Iterable[Message]) -> None:
        await self._first()
        await super().publish(messages)


async def _nothing() -> None:
    pass


@asynccontextmanager
async def republishing(
    relays: Relays,
    topic: Topic,
    *,
    rate: float = 100_000,
    first: Callable[[], Awaitable[None]] = _nothing,
) -> AsyncIterator[tuple[Republisher, list[tuple[int, int]]]]:
    """Lend who publishes again, and a list of what it says of its progress."""
    told: list[tuple[int, int]] = []
    producers = Racing(topic, ids=f"{topic.prefix}.republish", first=first)
    await producers.start()
    try:
        yield (
            Republisher(
                topic,
                log=relays.log,
                pool=relays.pool,
                contract=Contract("https://orders.example"),
                producers=producers,
                rate=rate,
                progress=lambda done, total: told.append((done, total)),
            ),
            told,
        )
    finally:
        await producers.stop()


async def filled(
    relays: Relays, topic: Topic, *, orders: int = 10, each: int = 2
) -> tuple[Relay, list[RecordedEvent]]:
    """Return a relay at work and the log that it has published."""
    events = await write(relays.log, orders=orders, each=each)
    relay = relays.on(topic)
    await relay.resume(ALL)
    await relay.handle(batch_of(events))
    return relay, events


def replayed(records: Sequence[Any]) -> list[Any]:
    return [record for record in records if ("ce_replay", b"true") in record.headers]


def last_versions(records: Sequence[Any]) -> dict[bytes, int]:
    return {record.key: orjson.loads(record.value)["version"] for record in records}


class TestEvents:
    async def test_publishes_a_range_again(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """The positions asked for are there once more, marked, otherwise the same."""
        _, events = await filled(relays, topic, orders=1, each=9)
        partition = events[0].partition
        async with republishing(relays, topic) as (republisher, told):
            assert await republisher.events(partition, first=3, last=5) == 3

        records = await published(topic)
        again = replayed(records)
        originals = {dict(r.headers)["ce_id"]: r.value for r in records[:9]}
        assert positions(again) == {partition: [3, 4, 5]}
        assert all(originals[dict(r.headers)["ce_id"]] == r.value for r in again)
        assert told[-1] == (3, 3)

    async def test_publishes_one_order_again(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """All published events of an order are there once more, in order."""
        await filled(relays, topic)
        async with republishing(relays, topic) as (republisher, _):
            assert await republisher.events_of(ORDER) == 2

        again = replayed(await published(topic))
        assert {record.key for record in again} == {b"acme/order-3"}
        assert [dict(r.headers)["orderversion"] for r in again] == [b"1", b"2"]

    async def test_leaves_what_was_never_published_to_the_relay(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Nothing overtakes the relay: an event is there before it is there again."""
        relay, events = await filled(relays, topic, orders=1, each=3)
        partition = events[0].partition
        events = await write(relays.log, orders=1, each=3)
        async with republishing(relays, topic) as (republisher, _):
            assert await republisher.events(partition, first=1, last=None) == 3
            with pytest.raises(RejectedError, match="ends with position 3"):
                await republisher.events(partition, first=4, last=None)
        await relay.handle(batch_of(events[3:]))

        assert positions(await published(topic)) == {
            partition: [1, 2, 3, 1, 2, 3, 4, 5, 6]
        }

    async def test_keeps_to_its_rate(self, relays: Relays, topic: EventsTopic) -> None:
        """Events go out no faster than asked for."""
        _, events = await filled(relays, topic, orders=1, each=30)
        loop = asyncio.get_running_loop()
        async with republishing(relays, topic, rate=40) as (republisher, told):
            started = loop.time()
            await republisher.events(events[0].partition, first=1, last=None)

            assert loop.time() - started >= 30 / 40
        assert [done for done, _ in told] == [10, 20, 30]

    async def test_names_an_order_that_is_unknown(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """An order that the log does not have is an error that names it."""
        await filled(relays, topic)
        async with republishing(relays, topic) as (republisher, _):
            with pytest.raises(OrderNotFoundError, match="acme/nobody"):
                await republisher.events_of(StreamKey("acme", "nobody"))


class TestProgress:
    async def test_is_not_told_by_what_was_published_again(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A relay that resumes goes on after its own last event, whatever came after."""
        _, events = await filled(relays, topic, orders=1, each=600)
        async with republishing(relays, topic) as (republisher, _):
            for _ in range(2):
                await republisher.events(events[0].partition, first=1, last=599)

        assert await relays.on(topic).resume(ALL) == await relays.log.heads()

    async def test_is_found_where_compaction_left_only_replays(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """A state that was published again tells how far its partition was before."""
        await filled(relays, state_topic)
        async with republishing(relays, state_topic) as (republisher, _):
            await republisher.states()
        kept = replayed(await published(state_topic))
        copy = StateTopic(
            servers=state_topic.servers,
            prefix=f"{state_topic.prefix}-compacted",
            partitions=PARTITIONS,
        )
        await relays.on(copy).resume(ALL)
        async with republishing(relays, copy) as (republisher, _):
            await republisher._producers.publish([message_of(r) for r in kept])

        assert await tail_positions(copy, ALL) == await relays.log.heads()

    async def test_of_a_relay_at_work_is_not_disturbed(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Publishing again fences no relay: the one at work goes on."""
        relay, _ = await filled(relays, topic)
        async with republishing(relays, topic) as (republisher, _):
            await republisher.events_of(ORDER)
            events = await write(relays.log)
            await relay.handle(batch_of(after(events, dict(await tails_of(topic)))))

        assert await tail_positions(topic, ALL) == await relays.log.heads()


class TestStates:
    async def test_publishes_each_state_again(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """Every order's state is there once more, and one alone where one is named."""
        await filled(relays, state_topic)
        async with republishing(relays, state_topic) as (republisher, told):
            assert await republisher.states() == 10
            assert await republisher.state_of(ORDER) == 1

        again = replayed(await published(state_topic))
        assert len(again) == 11
        assert [record.key for record in again].count(b"acme/order-3") == 2
        assert told == [(10, 10), (1, 1)]

    async def test_are_never_stale_in_the_end(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """While orders move and a relay publishes, the last state of each is the newest."""
        relay, _ = await filled(relays, state_topic)

        async def move() -> None:
            # Not for ever: a command goes on until what it wrote is the newest.
            for _ in range(40):
                events = await write(relays.log, each=1)
                reached = dict(await tails_of(state_topic))
                await relay.handle(batch_of(after(events, reached)))

        async with asyncio.TaskGroup() as tasks:
            moving = tasks.create_task(move())
            async with republishing(relays, state_topic) as (republisher, _):
                for _ in range(5):
                    await republisher.states()
            await moving

        records = await published(state_topic)
        log = await write(relays.log, orders=0)
        newest = {str(event.stream).encode(): event.version for event in log}
        assert last_versions(records) == newest
        assert len(replayed(records)) >= 50

    async def test_end_although_an_order_never_rests(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """An order that moves at each write has to wait at last, and is not stale."""
        relay, _ = await filled(relays, state_topic)

        async def move() -> None:
            await relays.log.append(append_of(f"move-{len(moves)}", to=ORDER))
            events = await write(relays.log, orders=0)
            reached = dict(await tails_of(state_topic))
            await relay.handle(batch_of(after(events, reached)))

        moves: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as tasks:

            async def race() -> None:
                moves.append(tasks.create_task(move()))
                await asyncio.wait(moves[-1:], timeout=1)

            async with republishing(relays, state_topic, first=race) as (
                republisher,
                _,
            ):
                assert await republisher.state_of(ORDER) == 1

        records = await published(state_topic)
        assert len(moves) > 2
        assert last_versions(records)[str(ORDER).encode()] == 2 + len(moves)

    async def test_give_way_to_another_command(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """Two commands at once never mix: the later one fences the earlier."""
        await filled(relays, state_topic)
        async with (
            republishing(relays, state_topic) as (earlier, _),
            republishing(relays, state_topic) as (later, _),
        ):
            assert await later.states() == 10
            with pytest.raises(FencedError):
                await earlier.states()


async def tails_of(topic: Topic) -> dict[int, int]:
    found = await tail_positions(topic, ALL)
    return {number: position or 0 for number, position in found.items()}


def message_of(record: Any) -> Message:
    """Return the message that *record* was made of."""
    return Message(
        record.partition,
        record.key,
        record.value,
        list(record.headers),
        record.timestamp,
        None,
    )
