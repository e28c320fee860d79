"""What every contestant writes: an event of about 1 KB data and 200 B metadata."""

from datetime import UTC, datetime

from service.domain.facts import HandlingRequested
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FACT = HandlingRequested(requested_by="x" * 1000)
METADATA = Metadata(
    correlation_id="c" * 36, causation_id="d" * 38, source="feed", actor="a" * 40
)


def append_number(number: int, *, run: str) -> Append:
    """One event for one of 1,000 orders, as a caller of the log appends it."""
    return Append(
        stream=StreamKey("acme", f"{run}-{number % 1000}"),
        events=[
            NewEvent(
                fact=FACT, key=f"{run}:{number}", occurred_at=AT, metadata=METADATA
            )
        ],
    )
