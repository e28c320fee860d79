"""Laws of the projection: how events are cut into batches never shows."""

from collections.abc import Sequence
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, details_fetched, minutes
from domain_strategies import DOCUMENTS, FACTS
from events import stream
from service.domain.facts import OrderFact
from service.domain.tracking import Tracking
from service.eventlog.codec import encode
from service.eventlog.records import RecordedEvent
from service.project.projection import Projected, project
from service.project.rows import order_row, timeline_entries, tracking_of

TRACKING, DETAILS = 13, 14
"""Places of the two JSON columns in an order's row."""

HISTORIES = st.lists(
    st.tuples(st.integers(1, 3), FACTS | st.builds(details_fetched, DOCUMENTS)),
    min_size=1,
    max_size=12,
)
"""Facts of up to three orders, in any mixture."""


def recorded(told: Sequence[tuple[int, OrderFact]]) -> list[RecordedEvent]:
    events: list[RecordedEvent] = []
    versions: dict[int, int] = {}
    for position, (order, fact) in enumerate(told, 1):
        versions[order] = versions.get(order, 0) + 1
        events.append(
            RecordedEvent(
                partition=0,
                position=position,
                stream_id=UUID(int=order),
                stream=stream(str(order)),
                version=versions[order],
                type=fact.type,
                schema_version=fact.schema_version,
                data=encode(fact),
                metadata="{}",
                occurred_at=NOON,
                recorded_at=minutes(position),
            )
        )
    return events


def stored(projected: Projected) -> dict[UUID, tuple[object, ...]]:
    return {
        stream_id: order_row(event, projected.trackings[stream_id], triggers=None)
        for stream_id, event in projected.last.items()
    }


def read_back(rows: dict[UUID, tuple[object, ...]]) -> dict[UUID, Tracking]:
    return {
        stream_id: tracking_of(str(row[TRACKING]), str(row[DETAILS]))
        for stream_id, row in rows.items()
    }


def entries(projected: Projected) -> dict[UUID, list[object]]:
    return {
        stream_id: orjson.loads(timeline_entries(told) or "[]")
        for stream_id, told in projected.entries.items()
    }


class TestBatches:
    @given(told=HISTORIES, data=st.data())
    def test_any_cut(
        self, told: list[tuple[int, OrderFact]], data: st.DataObject
    ) -> None:
        """Orders folded whole are those that were stored and read back on the way."""
        events = recorded(told)
        rows: dict[UUID, tuple[object, ...]] = {}
        timelines: dict[UUID, list[object]] = {}
        left = events
        while left:
            size = data.draw(st.integers(1, len(left)))
            batch, left = left[:size], left[size:]
            projected = project(batch, read_back(rows))
            rows |= stored(projected)
            for stream_id, told_now in entries(projected).items():
                timelines.setdefault(stream_id, []).extend(told_now)

        whole = project(sorted(events, key=lambda e: (e.stream_id, e.version)), {})

        assert stored(whole) == rows
        assert entries(whole) == timelines
