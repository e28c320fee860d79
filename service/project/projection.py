"""From events to rows: pure, without a clock, so the same log gives the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent
from service.project.timeline import Entry, entry_of


@dataclass(frozen=True, slots=True)
class Projected:
    """What a batch makes of its orders: each as it stands after *last* of it."""

    trackings: dict[UUID, Tracking] = field(default_factory=dict)
    last: dict[UUID, RecordedEvent] = field(default_factory=dict)
    entries: list[tuple[RecordedEvent, Entry]] = field(default_factory=list)


def project(
    events: Sequence[RecordedEvent], known: Mapping[UUID, Tracking]
) -> Projected:
    """Fold *events* into what is *known*; what is in there already is left out.

    Raises:
        UnreadableEventError: An event is newer than this version.
    """
    projected = Projected()
    for event in events:
        stream_id = event.stream_id
        before = projected.trackings.get(stream_id) or known.get(stream_id)
        if before is not None and event.version <= before.version:
            continue
        fact = decode(event)
        after = evolve_tracking(
            before, fact, version=event.version, at=event.recorded_at
        )
        projected.trackings[stream_id] = after
        projected.last[stream_id] = event
        entry = entry_of(fact, before=before, after=after)
        if entry is not None:
            projected.entries.append((event, entry))
    return projected
