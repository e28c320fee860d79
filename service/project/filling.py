"""Filling the rebuilt tables stream by stream: each order is folded and written once."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from service.db import Connection, Pool, connection, load_sql, transaction
from service.errors import LogCorruptedError, ungrouped
from service.eventlog.gaps import count_archived
from service.eventlog.records import RecordedEvent, StreamKey
from service.eventlog.set_aside import without_set_aside
from service.project.projection import Projected, project
from service.project.rows import order_row, timeline_entries

STREAMS: Final = 200
"""Streams that are read, folded and written together.

So few that Python does not look for cycles among what is made of them.
"""

LANES: Final = 2
"""Fillings under way at a time in one process."""

PATIENCE: Final = 3600.0
"""Seconds that one statement of a rebuild may take."""

_NEXT = load_sql("service.project", "next_streams")
_KEYS = load_sql("service.project", "read_keys")
_HISTORIES = load_sql("service.project", "read_histories")

_version: Final = attrgetter("version")

_ORDERS: Final = (
    "stream_id",
    "partition",
    "version",
    "account",
    "order_id",
    "order_group",
    "status",
    "stage",
    "triggers",
    "ripens_at",
    "overlay",
    "courier_state",
    "channel",
    "tracking",
    "details",
    "created_at",
    "updated_at",
    "change",
)
_TIMELINE: Final = ("stream_id", "version", "entries")


class Streams(NamedTuple):
    """The streams from *first* to *last*."""

    first: UUID
    last: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far the log is read: up to *heads*, but not what is set *aside*."""

    heads: Mapping[int, int]
    aside: Mapping[UUID, Sequence[range]]


Filler = Callable[[Streams], Awaitable[Counter[int]]]
"""Writes the orders of some streams; tells how many events each partition had."""


def fillers_here(pool: Pool, limits: Limits) -> list[Filler]:
    """Return what fills in this process: the one reads while the other folds."""
    return [partial(fill, pool, limits=limits)] * LANES


async def fill_all(
    pool: Pool,
    heads: Mapping[int, int],
    fillers: Sequence[Filler],
    *,
    did: Callable[[int], None],
) -> None:
    """Write every order of the log; *did* is told how many events are done.

    Raises:
        LogCorruptedError: The log lacks events.
        UnreadableEventError: An event is newer than this version, or damaged.
    """
    found: Counter[int] = Counter()
    ranges = asyncio.Queue[Streams | None](len(fillers))

    async def lane(filler: Filler) -> None:
        while (streams := await ranges.get()) is not None:
            counted = await filler(streams)
            found.update(counted)
            did(counted.total())

    with ungrouped():
        async with asyncio.TaskGroup() as tasks:
            for filler in fillers:
                tasks.create_task(lane(filler))
            async for streams in _every_stream(pool):
                await ranges.put(streams)
            for _ in fillers:
                await ranges.put(None)
    _check(found, await _expected(pool, heads))


async def _every_stream(pool: Pool) -> AsyncIterator[Streams]:
    after = UUID(int=0)
    while True:
        async with connection(pool) as lent:
            row = await lent.fetchrow(_NEXT, after, STREAMS)
        if row is None:
            return
        after = row["last"]
        yield Streams(row["first"], after)


async def _expected(pool: Pool, heads: Mapping[int, int]) -> Mapping[int, int]:
    """Return how many events of each partition the log holds up to *heads*.

    Positions are handed out without holes, so only those that are archived are missing.
    """
    archived = await count_archived(pool, heads)
    return {number: head - archived[number] for number, head in heads.items()}


def _check(found: Mapping[int, int], expected: Mapping[int, int]) -> None:
    for partition, count in expected.items():
        if found.get(partition, 0) != count:
            raise LogCorruptedError(
                f"Partition {partition} holds {found.get(partition, 0)} events where its "
                f"head promises {count}; compare the log with a backup before anything "
                "reads on."
            )


async def fill(pool: Pool, streams: Streams, *, limits: Limits) -> Counter[int]:
    """Write the orders of *streams*; return how many events each partition had.

    Raises:
        UnreadableEventError: An event is newer than this version, or damaged.
    """
    async with connection(pool) as lent:
        known = await lent.fetch(_KEYS, *streams)
        rows = await lent.fetch(_HISTORIES, *streams, _upto(limits), timeout=PATIENCE)
    keys = {
        row["stream_id"]: StreamKey(row["account"], row["order_id"]) for row in known
    }
    changes = {row["stream_id"]: (row["version"], row["change"]) for row in known}
    events = [_recorded(row, keys) for row in rows]
    # The server would sort whole rows, on disk.
    events.sort(key=_version)
    projected = project(without_set_aside(events, limits.aside), {})
    async with transaction(pool) as lent:
        await _copy(lent, projected, changes)
    return Counter([event.partition for event in events])


def _upto(limits: Limits) -> list[int]:
    last = max(limits.heads, default=-1)
    return [limits.heads.get(partition, 0) for partition in range(last + 1)]


def _recorded(row: asyncpg.Record, keys: Mapping[UUID, StreamKey]) -> RecordedEvent:
    # By their places, for by the names of the columns it takes twice as long.
    partition, position, stream_id, version, name, schema_version, data, *times = row
    occurred_at, recorded_at = times
    return RecordedEvent(
        partition,
        position,
        stream_id,
        keys[stream_id],
        version,
        name,
        schema_version,
        data,
        "{}",
        occurred_at,
        recorded_at,
    )


async def _copy(
    lent: Connection,
    projected: Projected,
    changes: Mapping[UUID, tuple[int | None, int | None]],
) -> None:
    orders, timelines = [], []
    for stream_id, event in projected.last.items():
        tracking = projected.trackings[stream_id]
        version, change = changes[stream_id]
        # Below 0: it is numbered when the tables are swapped.
        number = change if version == tracking.version else -event.position
        row = order_row(event, tracking, triggers=tracking.triggers or None)
        orders.append((*row, number))
        entries = timeline_entries(projected.entries[stream_id])
        if entries is not None:
            timelines.append((stream_id, 1, entries))
    await lent.copy_records_to_table(
        "orders", schema_name="rebuilt", columns=_ORDERS, records=orders
    )
    await lent.copy_records_to_table(
        "timeline", schema_name="rebuilt", columns=_TIMELINE, records=timelines
    )
