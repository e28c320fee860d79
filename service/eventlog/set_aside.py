"""What consumers have set aside, as operators see it and what they ask for."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from service.db import Connection, Pool, connection, load_sql
from service.errors import NothingSetAsideError
from service.eventlog.records import RecordedEvent, StreamKey

LOOK_AGAIN = 0.2
"""Seconds between two looks at whether a request was carried out."""

_LIST = load_sql("service.eventlog", "list_parked")
_EVENTS = load_sql("service.eventlog", "parked_events")
_REQUEST = load_sql("service.eventlog", "request_parked")
_IS_FOLLOWED = load_sql("service.eventlog", "is_followed")
_SET_ASIDE = load_sql("service.eventlog", "set_aside")

Request = Literal["replay", "drop"]
_ENDLESS = 2**63
"""Above every version."""


class ParkedStream(NamedTuple):
    """A stream that a consumer has set aside: *version* failed, the others wait."""

    consumer: str
    stream_id: UUID
    stream: StreamKey
    partition: int
    version: int
    reason: str
    attempts: int
    parked_at: datetime
    request: Request | None
    behind: int


class ParkedEvent(NamedTuple):
    """An event of such a stream, without what it holds."""

    version: int
    position: int
    type: str
    occurred_at: datetime
    recorded_at: datetime


class Outcome(NamedTuple):
    """What became of the streams for which something was asked."""

    settled: Sequence[ParkedStream]
    failed: Sequence[ParkedStream]
    waiting: Sequence[ParkedStream]


async def parked_streams(
    pool: Pool, *, consumer: str | None = None, stream: StreamKey | None = None
) -> list[ParkedStream]:
    """Return what is set aside, the longest aside first."""
    account, order_id = stream or (None, None)
    async with connection(pool) as lent:
        rows = await lent.fetch(_LIST, consumer, account, order_id)
    return [_parked(row) for row in rows]


def _parked(row: asyncpg.Record) -> ParkedStream:
    return ParkedStream(
        consumer=row["consumer"],
        stream_id=row["stream_id"],
        stream=StreamKey(row["account"], row["order_id"]),
        partition=row["partition"],
        version=row["version"],
        reason=row["reason"],
        attempts=row["attempts"],
        parked_at=row["parked_at"],
        request=row["request"],
        behind=row["behind"],
    )


async def find_parked(
    pool: Pool, consumer: str, stream: StreamKey | None
) -> list[ParkedStream]:
    """Return what *consumer* has set aside, or just *stream*.

    Raises:
        NothingSetAsideError: There is nothing of the kind.
    """
    found = await parked_streams(pool, consumer=consumer, stream=stream)
    if not found:
        raise NothingSetAsideError(
            f"{consumer} has not set {stream or 'anything'} aside; "
            "`order-tracking parked list` shows who has set what aside."
        )
    return found


async def parked_events(pool: Pool, parked: ParkedStream) -> list[ParkedEvent]:
    """Return the events of a stream from the one that failed on."""
    async with connection(pool) as lent:
        rows = await lent.fetch(_EVENTS, parked.stream_id, parked.version)
    return [ParkedEvent(*row) for row in rows]


async def is_followed(pool: Pool, consumer: str) -> bool:
    """Say whether a process follows the log for *consumer* now."""
    async with connection(pool) as lent:
        followed: bool = await lent.fetchval(_IS_FOLLOWED, consumer)
    return followed


async def request(
    pool: Pool, wanted: Request, streams: Sequence[ParkedStream], *, within: float
) -> Outcome:
    """Ask the owner of the partitions to replay or drop *streams* of one consumer.

    Returns when all is carried out, or after *within* seconds, or at once when nobody
    follows the log for the consumer. What was not carried out stays asked for.
    """
    consumer = streams[0].consumer
    async with connection(pool) as lent:
        stream_ids = [parked.stream_id for parked in streams]
        await lent.execute(_REQUEST, consumer, stream_ids, wanted)
    try:
        async with asyncio.timeout(within):
            while (outcome := await _outcome(pool, streams)).waiting:
                if not await is_followed(pool, consumer):
                    break
                await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        outcome = await _outcome(pool, streams)
    return outcome


async def _outcome(pool: Pool, streams: Sequence[ParkedStream]) -> Outcome:
    still = {
        parked.stream_id: parked
        for parked in await parked_streams(pool, consumer=streams[0].consumer)
    }
    left = [still[each.stream_id] for each in streams if each.stream_id in still]
    return Outcome(
        settled=[each for each in streams if each.stream_id not in still],
        failed=[parked for parked in left if parked.request is None],
        waiting=[parked for parked in left if parked.request is not None],
    )


async def load_set_aside(
    connection: Connection, consumer: str
) -> dict[UUID, list[range]]:
    """Return the versions that *consumer* has passed over: set aside, or dropped."""
    found: dict[UUID, list[range]] = {}
    for row in await connection.fetch(_SET_ASIDE, consumer):
        last = row["last_version"]
        versions = range(row["first_version"], _ENDLESS if last is None else last + 1)
        found.setdefault(row["stream_id"], []).append(versions)
    return found


def without_set_aside(
    events: Sequence[RecordedEvent], aside: Mapping[UUID, Sequence[range]]
) -> list[RecordedEvent]:
    """Leave out the events whose versions are *aside* in their streams."""
    return [
        event
        for event in events
        if not any(
            event.version in versions for versions in aside.get(event.stream_id, ())
        )
    ]
