"""Setting streams aside whose events keep failing, so that all others go on."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from service.db import Pool, connection, load_sql, transaction
from service.errors import (
    ConflictError,
    FencedError,
    UnavailableError,
    UnreadableError,
)
from service.eventlog.checkpoints import save_positions
from service.eventlog.ports import Consumer
from service.eventlog.records import Batch, RecordedEvent
from service.telemetry import meter

ATTEMPTS = 3
"""Tries of an event by itself before its stream is set aside."""

PAUSE = 0.2
"""Seconds before the second try, doubled with each further one."""

_PARK = load_sql("service.eventlog", "park_stream")
_PARKED = load_sql("service.eventlog", "parked_streams")

_log = structlog.get_logger()
_parked = meter.create_counter(
    "subscription.parked", unit="{stream}", description="Streams set aside."
)


class Parking:
    """The streams that one consumer has set aside.

    A parked stream's later events queue behind the one that failed: they are skipped
    here, and found again in the stream itself when it is replayed.
    """

    def __init__(self, pool: Pool, consumer: Consumer) -> None:
        self._pool = pool
        self._consumer = consumer
        self._streams: set[UUID] = set()

    async def load(self, partitions: Sequence[int]) -> None:
        """Learn which streams of *partitions* are set aside."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_PARKED, self._consumer.name, list(partitions))
        self._streams = {row["stream_id"] for row in rows}

    def without_parked(self, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
        """Leave out the events of streams that are set aside."""
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

    async def _try(self, alone: Batch) -> Exception | None:
        failure: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                await self._consumer.handle(alone)
            except (ConflictError, FencedError, UnavailableError, UnreadableError):
                raise
            except Exception as error:  # noqa: BLE001 - reported by parking the stream
                failure = error
                await asyncio.sleep(PAUSE * 2**attempt)
            else:
                return None
        return failure

    async def _park(self, alone: Batch, error: Exception) -> None:
        event = alone.events[0]
        # Not the message: it may quote the payload.
        reason = f"{type(error).__module__}.{type(error).__qualname__}"
        async with transaction(self._pool) as lent:
            await lent.execute(
                _PARK,
                alone.consumer,
                event.stream_id,
                event.partition,
                event.version,
                reason,
                ATTEMPTS,
            )
            await save_positions(lent, alone)
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
