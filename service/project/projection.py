"""From events to rows: pure, without a clock, so the same log gives the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from service.domain.facts import OrderFact
from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent
from service.project.timeline import Entry, details_of, entry_of


class Told(NamedTuple):
    """An entry of the timeline, with the event that it tells of; *details* is JSON."""

    event: RecordedEvent
    entry: Entry
    details: str


@dataclass(frozen=True, slots=True)
class Projected:
    """What a batch makes of its orders: each as it stands after *last* of it."""

    trackings: dict[UUID, Tracking] = field(default_factory=dict)
    last: dict[UUID, RecordedEvent] = field(default_factory=dict)
    bases: dict[UUID, int] = field(default_factory=dict)
    """The version each was folded from, 0 where it is new."""
    entries: dict[UUID, list[Told]] = field(default_factory=dict)


def project(
    events: Sequence[RecordedEvent], known: Mapping[UUID, Tracking]
) -> Projected:
    """Fold *events* into what is *known*; what is in there already is left out.

    Raises:
        UnreadableEventError: An event is newer than this version.
    """
    projected = Projected()
    trackings = projected.trackings
    for event in events:
        stream_id = event.stream_id
        before = trackings.get(stream_id) or known.get(stream_id)
        if before is not None and event.version <= before.version:
            continue
        fact = decode(event)
        after = evolve_tracking(
            before, fact, version=event.version, at=event.recorded_at
        )
        if stream_id not in trackings:
            projected.bases[stream_id] = before.version if before else 0
            projected.entries[stream_id] = []
        trackings[stream_id] = after
        projected.last[stream_id] = event
        entry = entry_of(fact, before=before, after=after)
        if entry is not None:
            told = Told(event, entry, _details(event, fact))
            projected.entries[stream_id].append(told)
    return projected


def _details(event: RecordedEvent, fact: OrderFact) -> str:
    is_as_stored = event.schema_version == fact.schema_version
    if is_as_stored and fact.type != "OrderDetailsFetched":
        return event.data
    return details_of(fact)
