"""What the tests of ingestion share: a quarantine and wishes in lists, items of a feed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from typing_extensions import override

from memory_log import MemoryEventLog
from service.domain.facts import OrderStatusReported
from service.errors import DatabaseUnavailableError, InvalidEventError
from service.eventlog.codec import decode
from service.eventlog.ports import EventLog
from service.eventlog.records import Append, Appended, RecordedEvent, StreamKey
from service.ingest.quarantine import Unreadable

LAST_CHANGE = "2026-03-01T10:00:00.1234567Z"


class MemoryQuarantine:
    """See `Quarantine`."""

    def __init__(self) -> None:
        self.kept: list[Unreadable] = []
        self.away = False

    async def keep(self, unreadable: Unreadable) -> None:
        if self.away:
            raise DatabaseUnavailableError
        self.kept.append(unreadable)


class MemoryWishes:
    """See `Wishes`."""

    def __init__(self) -> None:
        self.wanted: list[tuple[StreamKey, datetime, str]] = []
        self.away = False

    async def want(self, stream: StreamKey, *, at: datetime, reason: str) -> None:
        if self.away:
            raise DatabaseUnavailableError
        self.wanted.append((stream, at, reason))


class FailingLog(MemoryEventLog):
    """Fails for the orders in *away* as if the database went away; refuses *odd* ones."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.odd: set[str] = set()

    @override
    async def append(self, append: Append) -> Appended:
        if append.stream.order_id in self.away:
            raise DatabaseUnavailableError
        if append.stream.order_id in self.odd:
            raise InvalidEventError
        return await super().append(append)


def item(
    order_id: str = "1-01",
    state: str | None = "handling",
    *,
    handle: str = "handle-1",
    last_change: str | None = LAST_CHANGE,
    **changes: object,
) -> dict[str, object]:
    """Return an item as VTEX's feed gives it."""
    return {
        "eventId": f"event-{handle}",
        "handle": handle,
        "domain": "Fulfillment",
        "state": state,
        "lastState": "ready-for-handling",
        "orderId": order_id,
        "lastChange": last_change,
        "currentChange": last_change,
    } | changes


def notice(
    order_id: str = "1-01",
    state: str | None = "handling",
    *,
    last_change: str | None = LAST_CHANGE,
    **changes: object,
) -> dict[str, object]:
    """Return the body of a hook as VTEX sends it."""
    return {
        "Domain": "Fulfillment",
        "OrderId": order_id,
        "State": state,
        "LastState": "ready-for-handling",
        "LastChange": last_change,
        "CurrentChange": last_change,
        "Origin": {"Account": "acme", "Key": "vtexappkey-acme"},
    } | changes


def statuses(events: Iterable[RecordedEvent]) -> list[str | None]:
    """Return the states that *events* report, in order."""
    facts = (decode(event) for event in events)
    return [fact.state for fact in facts if isinstance(fact, OrderStatusReported)]


async def tells_all(
    log: EventLog, account: str, changes: Mapping[str, Sequence[str]]
) -> bool:
    """Say whether *log* tells the states of each order in *changes*, and each once."""
    streams = [StreamKey(account, order_id) for order_id in changes]
    told = await log.read_streams(streams)
    return all(
        sorted(map(str, statuses(told[stream]))) == sorted(changes[stream.order_id])
        for stream in streams
    )
