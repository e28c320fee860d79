"""What every contestant writes: an event of about 1 KB data and 200 B metadata."""

from datetime import UTC, datetime

from service.domain.facts import HandlingRequested
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FACT = HandlingRequested(requested_by="x" * 1000)
METADATA = Metadata(
    correlation_id="c" * 36, causation_id="d" * 38, source="feed", actor="a" * 40
)


def append_number(number: int, *, run: str, events: int = 1) -> Append:
    """Append number *number* of a run: *events* to one of 1,000 orders."""
    return Append(
        stream=StreamKey("acme", f"{run}-{number % 1000}"),
        events=[
            NewEvent(
                fact=FACT,
                key=f"{run}:{number}:{event}",
                occurred_at=AT,
                metadata=METADATA,
            )
            for event in range(events)
        ],
    )
