"""Taking months of closed orders out of the log, into files; see also `restore`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import structlog

from service.db import Connection, Pool, connection, load_sql, transaction
from service.errors import ConflictError, MonthInUseError, UnavailableError
from service.eventlog.archive_file import ArchivedEvent, ArchiveWriter, Manifest
from service.eventlog.closing import OpenOrders
from service.eventlog.store import recorded

PATIENCE = 3600.0
"""Seconds that one statement about a month may take."""

_CHUNK = 500

Progress = Callable[[int, int], None]
"""Told how many events are done, and how many there are."""

_MONTHS = load_sql("service.eventlog", "months")
_READ = load_sql("service.eventlog", "read_month")
_OBSTACLES = load_sql("service.eventlog", "month_obstacles")
_LOCK = load_sql("service.eventlog", "lock_archiving")
_RECORD = load_sql("service.eventlog", "record_archive")
_FORGET = load_sql("service.eventlog", "forget_month")
_DETACH = load_sql("service.eventlog", "detach_month")

_log = structlog.get_logger()


class Month(NamedTuple):
    """A month of the log: all events of the orders first seen in it."""

    first: date
    orders: int
    events: int


class Exported(NamedTuple):
    """A month in a file that was read back and found sound."""

    path: Path
    manifest: Manifest


async def months_before(pool: Pool, day: date) -> list[Month]:
    """Return the months of the log that end before *day*, oldest first."""
    async with connection(pool) as lent:
        rows = await lent.fetch(_MONTHS, day, timeout=PATIENCE)
    return [Month(*row) for row in rows]


async def check_month(
    pool: Pool, month: Month, *, now: datetime, progress: Progress
) -> None:
    """Say why *month* cannot leave the log, if so; change nothing.

    Raises:
        MonthInUseError: Orders are open, or somebody still needs its events.
    """
    lasts: dict[int, int] = {}
    async for chunk in _closed(pool, month, now=now, progress=progress):
        for event, _ in chunk:
            last = lasts.get(event.partition, 0)
            lasts[event.partition] = max(last, event.position)
    async with connection(pool) as lent:
        await _refuse_obstacles(lent, month.first, lasts)


async def export_month(
    pool: Pool, month: Month, *, folder: Path, now: datetime, progress: Progress
) -> Exported:
    """Write *month* to a file in *folder*, durable and read back; the log keeps it.

    Raises:
        MonthInUseError: Orders are open.
        ConflictError: Another process writes the same file.
        UnavailableError: The folder cannot be written to.
    """
    try:
        with closing(ArchiveWriter(folder, month.first)) as writer:
            async for chunk in _closed(pool, month, now=now, progress=progress):
                for archived in chunk:
                    writer.write(archived)
            return Exported(*writer.finish())
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be written to ({error.strerror}); see to it, and archive "
            "again."
        ) from error


async def detach_month(pool: Pool, exported: Exported) -> None:
    """Take what was *exported* out of the log and the read model, in one transaction.

    Raises:
        MonthInUseError: Somebody still needs its events.
        ConflictError: The month is gone already, grew since it was exported, or is
            in use for long.
    """
    manifest = exported.manifest
    lasts = {
        number: share.last_position for number, share in manifest.partitions.items()
    }
    async with moving_months(pool) as lent:
        await _refuse_obstacles(lent, manifest.month, lasts)
        await _record(lent, manifest)
        await lent.execute(_FORGET, manifest.month, timeout=PATIENCE)
        if not await _detach(lent, manifest.month, lasts):
            raise ConflictError(
                f"Something happened to an order of {manifest.month:%Y-%m} meanwhile; "
                "archive it again."
            )
    _log.info(
        "month archived",
        month=f"{manifest.month:%Y-%m}",
        orders=manifest.orders,
        events=manifest.events,
    )


@asynccontextmanager
async def moving_months(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection in the only transaction that moves a month, or rebuilds.

    Raises:
        ConflictError: There is another one.
    """
    async with transaction(pool) as lent:
        if not await lent.fetchval(_LOCK):
            raise ConflictError(
                "Another archive, restore or rebuild is under way; wait for its end."
            )
        yield lent


async def _record(lent: Connection, manifest: Manifest) -> None:
    try:
        await lent.execute(
            _RECORD,
            manifest.month,
            manifest.file,
            manifest.content_sha256,
            manifest.orders,
            manifest.events,
        )
    except asyncpg.UniqueViolationError as error:
        raise ConflictError(
            f"{manifest.month:%Y-%m} is archived already; nothing was changed."
        ) from error


async def _detach(lent: Connection, month: date, lasts: dict[int, int]) -> bool:
    try:
        detached: bool = await lent.fetchval(
            _DETACH, month, list(lasts), list(lasts.values()), timeout=PATIENCE
        )
    except asyncpg.LockNotAvailableError as error:
        raise ConflictError(
            "Somebody reads the log for long, a backup perhaps, or writes to an order of "
            f"{month:%Y-%m}; archive again later."
        ) from error
    return detached


async def _refuse_obstacles(
    lent: Connection, month: date, lasts: dict[int, int]
) -> None:
    rows = await lent.fetch(
        _OBSTACLES, month, list(lasts), list(lasts.values()), timeout=PATIENCE
    )
    if rows:
        lines = "; ".join(row["line"] for row in rows)
        raise MonthInUseError(f"{month:%Y-%m} cannot leave the log yet: {lines}.")


async def _closed(
    pool: Pool, month: Month, *, now: datetime, progress: Progress
) -> AsyncIterator[Sequence[ArchivedEvent]]:
    """Yield the month's events, and refuse it in the end if orders are open."""
    orders, done = OpenOrders(now=now), 0
    progress(0, month.events)
    async for chunk in _events_of(pool, month.first):
        orders.add([event for event, _ in chunk])
        yield chunk
        done += len(chunk)
        progress(done, month.events)
    orders.finish()
    if orders.count:
        names = ", ".join(map(str, orders.names))
        raise MonthInUseError(
            f"{month.first:%Y-%m} has {orders.count} open orders, such as {names}; "
            "it can leave when they are closed."
        )


async def _events_of(pool: Pool, month: date) -> AsyncIterator[Sequence[ArchivedEvent]]:
    # No transaction over all: events never change, and detaching sees to later ones.
    stream_id, number = None, 0
    while True:
        async with connection(pool) as lent:
            rows = await lent.fetch(_READ, month, stream_id, number, _CHUNK)
        if not rows:
            return
        yield [ArchivedEvent(recorded(row), row["event_key"]) for row in rows]
        stream_id, number = rows[-1]["stream_id"], rows[-1]["version"]
