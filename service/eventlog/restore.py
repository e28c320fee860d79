"""Bringing an archived month back into the log, exactly as it was."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path

import asyncpg
import structlog

from service.db import Connection, Pool, load_sql
from service.errors import ConflictError, RejectedError
from service.eventlog.archive import PATIENCE, Progress, moving_months
from service.eventlog.archive_file import (
    ArchivedEvent,
    Manifest,
    read_events,
    read_manifest,
)
from service.eventlog.records import RecordedEvent, StreamKey

Refill = Callable[[Connection, Sequence[RecordedEvent]], Awaitable[None]]
"""Told of all events that come back, order by order, in the same transaction."""

_CHUNK = 500
_NAMED = 5
_EVENTS = (
    "stream_id",
    "version",
    "partition",
    "position",
    "type",
    "schema_version",
    "event_key",
    "data",
    "metadata",
    "occurred_at",
    "recorded_at",
)
_STREAMS = ("stream_id", "account", "order_id", "partition", "version")

_FIND = load_sql("service.eventlog", "find_archive")
_BEGIN = load_sql("service.eventlog", "begin_restore")
_LOCK_READ_MODEL = load_sql("service.eventlog", "lock_read_model")
_LIVING_AGAIN = load_sql("service.eventlog", "living_again")
_ATTACH = load_sql("service.eventlog", "attach_month")

_log = structlog.get_logger()


async def restore_month(
    pool: Pool, path: Path, *, refill: Refill, progress: Progress
) -> Manifest | None:
    """Bring the month in *path* back, all of it or nothing; None if it is back already.

    Consumers have handled its events before, and are not told of them again.

    Raises:
        UnreadableArchiveError: The file or its manifest is damaged.
        RejectedError: This log has not given away what is in the file.
        ConflictError: Orders of the month exist anew, or another archive, restore or
            rebuild is under way.
    """
    manifest = read_manifest(path)
    for _ in read_events(path, manifest):
        pass
    async with moving_months(pool) as lent:
        if not await _is_away(lent, path, manifest):
            return None
        table = await lent.fetchval(_BEGIN, manifest.month)
        await lent.execute(_LOCK_READ_MODEL)
        restoring = _Restoring(lent, table, refill)
        for chunk in _chunks(read_events(path, manifest)):
            await restoring.add(chunk)
            progress(restoring.done, manifest.events)
        restoring.refuse_conflicts(manifest.month)
        await _attach(lent, manifest.month)
    _log.info(
        "month restored",
        month=f"{manifest.month:%Y-%m}",
        orders=manifest.orders,
        events=manifest.events,
    )
    return manifest


class _Restoring:
    """Writes chunks until there is a conflict; from then on it only looks for others."""

    def __init__(self, lent: Connection, table: str, refill: Refill) -> None:
        self.done = 0
        self._lent = lent
        self._table = table
        self._refill = refill
        self._conflicts: set[StreamKey] = set()

    async def add(self, chunk: Sequence[ArchivedEvent]) -> None:
        events = [event for event, _ in chunk]
        streams = {event.stream: event for event in events}
        rows = await self._lent.fetch(
            _LIVING_AGAIN, *map(list, zip(*streams, strict=True))
        )
        self._conflicts.update(StreamKey(*row) for row in rows)
        self.done += len(chunk)
        if self._conflicts:
            return
        await self._lent.copy_records_to_table(
            self._table,
            schema_name="eventlog",
            columns=_EVENTS,
            records=map(_event_row, chunk),
        )
        await self._lent.copy_records_to_table(
            "restored_streams",
            columns=_STREAMS,
            records=map(_stream_row, streams.values()),
        )
        await self._refill(self._lent, events)

    def refuse_conflicts(self, month: date) -> None:
        if self._conflicts:
            names = ", ".join(map(str, sorted(self._conflicts)[:_NAMED]))
            raise ConflictError(
                f"{len(self._conflicts)} orders of {month:%Y-%m} exist anew, such as "
                f"{names}; nothing was restored."
            )


async def _is_away(lent: Connection, path: Path, manifest: Manifest) -> bool:
    row = await lent.fetchrow(_FIND, manifest.month, manifest.content_sha256)
    if row is None:
        raise RejectedError(
            f"What is in {path} did not leave this log; restore it where it did."
        )
    return row["restored_at"] is None


async def _attach(lent: Connection, month: date) -> None:
    try:
        await lent.execute(_ATTACH, month, timeout=PATIENCE)
    except asyncpg.UniqueViolationError as error:
        raise ConflictError(
            f"An order of {month:%Y-%m} came into being meanwhile; nothing was restored."
        ) from error


def _chunks(events: Iterator[ArchivedEvent]) -> Iterator[Sequence[ArchivedEvent]]:
    while chunk := list(islice(events, _CHUNK)):
        yield chunk


def _event_row(archived: ArchivedEvent) -> tuple[object, ...]:
    event = archived.event
    return (
        event.stream_id,
        event.version,
        event.partition,
        event.position,
        event.type,
        event.schema_version,
        archived.key,
        event.data,
        event.metadata,
        event.occurred_at,
        event.recorded_at,
    )


def _stream_row(event: RecordedEvent) -> tuple[object, ...]:
    return (event.stream_id, *event.stream, event.partition, event.version)
