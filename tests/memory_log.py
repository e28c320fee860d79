"""The log in a list: what unit tests write to, held to the same contract suite."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

import orjson

from service.errors import ConcurrencyError, InvalidEventError
from service.eventlog.codec import encode
from service.eventlog.partitions import partition_of
from service.eventlog.records import (
    Append,
    Appended,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.telemetry import current_traceparent

RECORDED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class MemoryEventLog:
    """See `EventLog`."""

    def __init__(self, *, partitions: int = 16) -> None:
        self.events: list[RecordedEvent] = []
        self._streams: defaultdict[StreamKey, dict[str, RecordedEvent]]
        self._streams = defaultdict(dict)
        self._heads: defaultdict[int, int] = defaultdict(int)
        self._partitions = partitions

    async def append(self, append: Append) -> Appended:
        keys = [event.key for event in append.events]
        if not keys or len(set(keys)) < len(keys):
            raise InvalidEventError
        stored = self._streams[append.stream]
        fresh = [event for event in append.events if event.key not in stored]
        if fresh and append.expected not in {None, len(stored)}:
            raise ConcurrencyError
        for event in fresh:
            self._store(append.stream, event)
        last = max((stored[key] for key in keys), key=lambda event: event.version)
        return Appended(
            stream_id=last.stream_id,
            partition=last.partition,
            position=last.position,
            version=last.version,
            new=len(fresh),
        )

    def _store(self, stream: StreamKey, event: NewEvent) -> None:
        stored = self._streams[stream]
        partition = partition_of(stream, self._partitions)
        self._heads[partition] += 1
        first = next(iter(stored.values()), None)
        metadata = {
            "correlation_id": event.metadata.correlation_id,
            "source": event.metadata.source,
            "causation_id": event.metadata.causation_id,
            "traceparent": current_traceparent(),
            "actor": event.metadata.actor,
        }
        recorded = RecordedEvent(
            partition=partition,
            position=self._heads[partition],
            stream_id=first.stream_id if first else uuid5(NAMESPACE_OID, str(stream)),
            stream=stream,
            version=len(stored) + 1,
            type=event.fact.type,
            schema_version=event.fact.schema_version,
            data=encode(event.fact),
            metadata=orjson.dumps(
                {name: value for name, value in metadata.items() if value is not None}
            ).decode(),
            occurred_at=event.occurred_at,
            recorded_at=RECORDED_AT,
        )
        stored[event.key] = recorded
        self.events.append(recorded)

    async def read_stream(
        self, stream: StreamKey, *, after: int = 0
    ) -> Sequence[RecordedEvent]:
        return [
            event
            for event in self._streams.get(stream, {}).values()
            if event.version > after
        ]

    async def read_streams(
        self, streams: Sequence[StreamKey], *, since: str | None = None
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        found = {}
        for stream in streams:
            events = await self.read_stream(stream)
            last = max((e.version for e in events if e.type == since), default=1)
            found[stream] = events[last - 1 :]
        return found
