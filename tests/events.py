"""Events and appends with everything filled in but the point of the test."""

from datetime import UTC, datetime

from service.domain.facts import HandlingRequested, OrderFact
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def stream(order_id: str = "1001-01", account: str = "acme") -> StreamKey:
    return StreamKey(account, order_id)


def new_event(key: str = "key-1", fact: OrderFact | None = None) -> NewEvent:
    return NewEvent(
        fact=fact or HandlingRequested(requested_by=key),
        key=key,
        occurred_at=AT,
        metadata=Metadata(correlation_id="chain-1", source="test"),
    )


def append_of(
    *keys: str, to: StreamKey | None = None, expected: int | None = None
) -> Append:
    return Append(
        stream=to or stream(),
        events=[new_event(key) for key in keys or ("key-1",)],
        expected=expected,
    )
