"""The state topic keeps each order's latest state, and tells how far it is."""

import orjson
import pytest

from builders import personal_data_erased
from events import new_event
from published import published
from relays import ALL, Relays, after, batch_of, write
from service.eventlog.records import Append, RecordedEvent, StreamKey
from service.publish.kafka import StateTopic, tail_positions

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


async def latest(topic: StateTopic) -> dict[bytes, int | None]:
    """Return the version of the last state of each key, None for a tombstone."""
    return {
        record.key: orjson.loads(record.value)["version"] if record.value else None
        for record in await published(topic)
    }


def versions(events: list[RecordedEvent]) -> dict[bytes, int]:
    return {str(event.stream).encode(): event.version for event in events}


class TestStateRelay:
    async def test_publishes_each_order_once_a_batch(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """A batch leaves one state of each order, in the partition of the log."""
        events = await write(relays.log, orders=20, each=3)
        relay = relays.on(state_topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        records = await published(state_topic)
        partitions = {str(event.stream).encode(): event.partition for event in events}
        assert {record.key: record.partition for record in records} == partitions
        assert len(records) == 20
        assert await latest(state_topic) == versions(events)

    async def test_goes_on_after_the_last_event_told(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """The end of each partition says up to which event its states are."""
        events = await write(relays.log, orders=20, each=3)
        first, half = relays.on(state_topic), events[: len(events) // 2]
        await first.resume(ALL)
        await first.handle(batch_of(half))

        successor = relays.on(state_topic)
        reached = dict(await successor.resume(ALL))
        await successor.handle(batch_of(after(events, reached)))

        assert reached == {**dict.fromkeys(ALL, 0), **batch_of(half).positions}
        assert await latest(state_topic) == versions(events)
        assert await tail_positions(state_topic, ALL) == await relays.log.heads()

    async def test_buries_an_erased_order(
        self, relays: Relays, state_topic: StateTopic
    ) -> None:
        """An order whose personal data was erased ends with a tombstone."""
        events = await write(relays.log, orders=2)
        relay = relays.on(state_topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        erased = StreamKey("acme", "order-1")
        await relays.log.append(
            Append(stream=erased, events=[new_event("erase", personal_data_erased())])
        )
        all_events = await write(relays.log, orders=0)

        reached = dict(await relay.resume(ALL))

        await relay.handle(batch_of(after(all_events, reached)))

        found = await latest(state_topic)
        assert found == {b"acme/order-0": 2, b"acme/order-1": None}
