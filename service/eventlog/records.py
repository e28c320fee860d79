"""The envelope: what surrounds a fact on its way into, through and out of the log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson
from typing_extensions import override

from service.domain.facts import OrderFact

NO_STREAM = 0


class StreamKey(NamedTuple):
    """One VTEX order in one account; written `account/order_id` outside."""

    account: str
    order_id: str

    @override
    def __str__(self) -> str:
        return f"{self.account}/{self.order_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Where an event comes from.

    *correlation_id* names the start of the chain, *causation_id* the event that led
    directly to this one. The log itself adds the span that writes the event.
    """

    correlation_id: str
    source: str
    causation_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact on its way into the log; *key* makes a repetition harmless."""

    fact: OrderFact
    key: str
    occurred_at: datetime
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Events for one stream, all or none.

    A writer that decides passes the version it *expected*; one that only reports
    passes None, and then just the events whose keys are new are written.
    """

    stream: StreamKey
    events: Sequence[NewEvent]
    expected: int | None = None


class Appended(NamedTuple):
    """Where the last event of an append stands in the log, and how many were new."""

    stream_id: UUID
    partition: int
    position: int
    version: int
    new: int


class RecordedEvent(NamedTuple):
    """An event as the log holds it; *data* and *metadata* are JSON text.

    A tuple, because readers make millions: a frozen dataclass takes four times as long.
    """

    partition: int
    position: int
    stream_id: UUID
    stream: StreamKey
    version: int
    type: str
    schema_version: int
    data: str
    metadata: str
    occurred_at: datetime
    recorded_at: datetime

    @property
    def id(self) -> str:
        return f"{self.stream_id}-{self.version}"

    @property
    def traceparent(self) -> str | None:
        """The span that wrote the event."""
        traceparent: str | None = orjson.loads(self.metadata).get("traceparent")
        return traceparent


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events for one consumer, each partition's in order, and where it stands after.

    *positions* covers every partition of the batch; *tokens* proves, slot by slot,
    that the reader still owns them (see `service.eventlog.leases`). A batch that
    *replays* holds events that were set aside: how far they are handled is saved, too.
    """

    consumer: str
    events: Sequence[RecordedEvent]
    positions: Mapping[int, int]
    tokens: Mapping[int, int] = field(default_factory=dict)
    replays: bool = False


def traceparents(events: Iterable[RecordedEvent]) -> Iterator[str | None]:
    """Yield each traceparent of *events* once, as far as somebody asks."""
    seen = set()
    for event in events:
        traceparent = event.traceparent
        if traceparent not in seen:
            seen.add(traceparent)
            yield traceparent
