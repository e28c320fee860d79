"""Setting streams aside whose events keep failing, so that all others go on."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import structlog

from service.db import Pool, connection, load_sql, transaction
from service.errors import (
    ConflictError,
    FencedError,
    UnavailableError,
    UnreadableError,
)
from service.eventlog.checkpoints import save_positions
from service.eventlog.ports import Consumer, EventLog
from service.eventlog.records import Batch, RecordedEvent, StreamKey
from service.telemetry import meter

ATTEMPTS = 3
"""Tries of an event by itself before its stream is set aside."""

PAUSE = 0.2
"""Seconds before the second try, doubled with each further one."""

REQUESTS = 10
"""Requests of operators that are carried out between two batches."""

_PARK = load_sql("service.eventlog", "park_stream")
_PARKED = load_sql("service.eventlog", "parked_streams")
_REQUESTS = load_sql("service.eventlog", "parking_requests")
_UNPARK = load_sql("service.eventlog", "unpark_stream")
_DROP = load_sql("service.eventlog", "drop_stream")

_log = structlog.get_logger()
_parked = meter.create_counter(
    "subscription.parked", unit="{stream}", description="Streams set aside."
)


class Parking:
    """The streams that one consumer has set aside.

    A parked stream's later events queue behind the one that failed: they are skipped
    here, and found again in the stream itself when it is replayed.
    """

    def __init__(
        self, pool: Pool, consumer: Consumer, *, log: EventLog, pause: float = PAUSE
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._event_log = log
        self._pause = pause
        self._streams: set[UUID] = set()

    async def load(self, partitions: Sequence[int]) -> None:
        """Learn which streams of *partitions* are set aside."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_PARKED, self._consumer.name, list(partitions))
        self._streams = {row["stream_id"] for row in rows}

    def without_parked(
        self, events: Sequence[RecordedEvent]
    ) -> Sequence[RecordedEvent]:
        """Leave out the events of streams that are set aside."""
        if not self._streams:
            return events
        return [event for event in events if event.stream_id not in self._streams]

    async def handle_one_by_one(self, batch: Batch) -> None:
        """Hand out each event of *batch* by itself and park the streams that fail."""
        for event in batch.events:
            positions = {event.partition: event.position}
            events = self.without_parked([event])
            alone = replace(batch, events=events, positions=positions)
            error = await self._try(alone)
            if error is not None:
                await self._park(alone, error)
        await self._consumer.handle(replace(batch, events=[]))

    async def has_requests(self, partitions: Sequence[int]) -> bool:
        """Say whether an operator wants something of *partitions*."""
        return bool(await self._requests(partitions, at_most=1))

    async def carry_out_requests(
        self, positions: Mapping[int, int], tokens: Mapping[int, int]
    ) -> int:
        """Replay and drop what operators asked for; return how many streams that were.

        Only who owns the partitions may, between two batches: up to *positions* the
        events of streams that are set aside were skipped, from there on they are not.
        """
        requests = await self._requests(list(positions), at_most=REQUESTS)
        for request in requests:
            part: int = request["partition"]
            batch = Batch(
                consumer=self._consumer.name,
                events=[],
                positions={part: positions[part]},
                tokens=tokens,
            )
            if request["request"] == "drop":
                await self._end(request, batch, _DROP, positions[part])
            elif await self._replay(request, batch):
                await self._end(request, batch, _UNPARK)
        return len(requests)

    async def _requests(
        self, partitions: Sequence[int], *, at_most: int
    ) -> list[asyncpg.Record]:
        async with connection(self._pool) as lent:
            rows: list[asyncpg.Record] = await lent.fetch(
                _REQUESTS, self._consumer.name, list(partitions), at_most
            )
        return rows

    async def _replay(self, request: asyncpg.Record, batch: Batch) -> bool:
        stream = StreamKey(request["account"], request["order_id"])
        queued = await self._event_log.read_stream(stream, after=request["version"] - 1)
        for event in queued:
            if event.position > batch.positions[event.partition]:
                break  # not passed over yet: it comes with the next batches
            alone = replace(batch, events=[event], replays=True)
            error = await self._try(alone)
            if error is not None:
                await self._park(alone, error)
                return False
        return True

    async def _end(
        self, request: asyncpg.Record, batch: Batch, statement: str, *more: int
    ) -> None:
        stream_id: UUID = request["stream_id"]
        async with transaction(self._pool, "parking.end") as lent:
            # Else one that was replaced would free a stream of which the next owner
            # has passed over further events.
            await save_positions(lent, batch)
            await lent.execute(statement, batch.consumer, stream_id, *more)
        self._streams.discard(stream_id)
        _log.info(
            "parked stream settled",
            consumer=batch.consumer,
            stream=f"{request['account']}/{request['order_id']}",
            request=request["request"],
        )

    async def _try(self, alone: Batch) -> Exception | None:
        failure: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._pause * 2 ** (attempt - 1))
            try:
                await self._consumer.handle(alone)
            except (ConflictError, FencedError, UnavailableError, UnreadableError):
                raise
            except Exception as error:  # noqa: BLE001 - reported by parking the stream
                failure = error
                await self._consumer.resume(list(alone.positions))
            else:
                return None
        return failure

    async def _park(self, alone: Batch, error: Exception) -> None:
        event = alone.events[0]
        # Not the message: it may quote the payload.
        reason = f"{type(error).__module__}.{type(error).__qualname__}"
        async with transaction(self._pool, "parking") as lent:
            await save_positions(lent, replace(alone, replays=False))
            await lent.execute(
                _PARK,
                alone.consumer,
                event.stream_id,
                event.partition,
                event.version,
                reason,
                ATTEMPTS,
            )
        self._streams.add(event.stream_id)
        _parked.add(1, {"consumer": alone.consumer})
        _log.error(
            "stream parked",
            consumer=alone.consumer,
            stream=str(event.stream),
            version=event.version,
            type=event.type,
            exc_info=error,
        )
