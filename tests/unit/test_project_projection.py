"""From events to rows, without a database."""

import json

import pytest

from builders import details_fetched, handling_requested, minutes, status_reported
from events import append_of, new_event, stream
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.errors import UnreadableEventError
from service.eventlog.records import Append, RecordedEvent
from service.project.projection import Projected, Told, project


async def recorded(*facts: OrderFact) -> list[RecordedEvent]:
    log = MemoryEventLog()
    events = [new_event(f"key-{n}", fact) for n, fact in enumerate(facts)]
    await log.append(Append(stream=stream(), events=events))
    return log.events


def told(projected: Projected) -> list[Told]:
    return [entry for entries in projected.entries.values() for entry in entries]


class TestProject:
    async def test_one_after_the_other(self) -> None:
        """Batches one after the other give what one batch gives."""
        events = await recorded(
            status_reported("payment-pending", last_change=minutes(0)),
            status_reported("handling", last_change=minutes(1)),
            handling_requested(),
        )

        first = project(events[:1], {})
        second = project(events[1:], first.trackings)

        whole = project(events, {})
        assert second.trackings == whole.trackings
        assert told(first) + told(second) == told(whole)

    async def test_repeated(self) -> None:
        """What is known already is left out, and not folded in again."""
        events = await recorded(status_reported("handling"), handling_requested())
        known = project(events, {})

        again = project(events, known.trackings)

        assert (again.trackings, again.last, again.entries) == ({}, {}, {})

    async def test_streams_apart(self) -> None:
        """Orders in one batch do not touch each other."""
        log = MemoryEventLog()
        for order_id in ("1", "2"):
            await log.append(append_of("key-1", to=stream(order_id)))

        projected = project(log.events, {})

        assert {t.version for t in projected.trackings.values()} == {1}
        assert [event.stream.order_id for event in projected.last.values()] == [
            "1",
            "2",
        ]

    async def test_recorded_time(self) -> None:
        """The time at which a fact was recorded is the only time there is."""
        (event,) = await recorded(handling_requested())
        late = event._replace(recorded_at=minutes(99))

        (tracking,) = project([late], {}).trackings.values()

        assert tracking.updated_at == minutes(99)

    async def test_details(self) -> None:
        """An entry holds the fact's own fields, without the order document."""
        events = await recorded(details_fetched(), handling_requested())

        details = [json.loads(entry.details) for entry in told(project(events, {}))]

        assert details[0].keys() == {"hash"}
        assert details[1] == {"requested_by": "start-handling policy"}

    async def test_unreadable(self) -> None:
        """A fact of a newer version is not skipped."""
        (event,) = await recorded(handling_requested())

        with pytest.raises(UnreadableEventError):
            project([event._replace(type="OrderTeleported")], {})
