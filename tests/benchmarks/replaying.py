"""Replaying: our rebuild and our fold against raw rows and PyPI `eventsourcing`.

`benchmarks.traffic_log.fill_log` writes the log that all but the peer read.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
import orjson
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import (
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    UUIDAsHex,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from benchmarks.traffic_log import PARTITIONS
from service.db import open_pool
from service.domain.facts import FACTS
from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.ahead import ReadAhead
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.project.rebuild import rebuild
from service.project.workers import workers

_BATCH: Final = 5000
_TABLE: Final = "replayed_events"
_IN_ORDER: Final = """
SELECT partition, position, stream_id, version, type, data, recorded_at
FROM eventlog.events WHERE partition = $1 AND position > $2 ORDER BY position LIMIT $3
"""


@dataclass(frozen=True)
class _Happened(DomainEvent):
    """What the peer stores: one of our facts as its mapper writes it."""

    fact: str
    fields: dict[str, Any]


async def raw_rows(dsn: str) -> float:
    """Return rows a second of a sequential read by asyncpg, nothing done with them."""
    connection = await asyncpg.connect(dsn)
    read, started = 0, time.perf_counter()
    for partition in range(PARTITIONS):
        position = 0
        while rows := await connection.fetch(_IN_ORDER, partition, position, _BATCH):
            position = rows[-1]["position"]
            read += len(rows)
    took = time.perf_counter() - started
    await connection.close()
    return read / took


async def in_memory(dsn: str) -> float:
    """Return events a second of a catch-up read, decoded and folded in memory.

    It reads ahead, as whatever follows our log does.
    """
    read = 0
    async with (
        open_pool(dsn, size=2) as pool,
        open_log(pool, partitions=PARTITIONS, lanes=1, wake=Wake(dsn)) as log,
    ):
        started, ahead = time.perf_counter(), ReadAhead(log)
        for partition in range(PARTITIONS):
            known: dict[UUID, Tracking] = {}
            position = 0
            while events := await ahead.read({partition: position}, each=_BATCH):
                position = events[-1].position
                await ahead.during(
                    _fold_ours(known, events),
                    positions={partition: position},
                    each=_BATCH,
                )
                read += len(events)
        return read / (time.perf_counter() - started)


async def _fold_ours(
    known: dict[UUID, Tracking], events: Sequence[RecordedEvent]
) -> None:
    await asyncio.sleep(0)  # so that the next statement is on its way before
    for event in events:
        known[event.stream_id] = evolve_tracking(
            known.get(event.stream_id),
            decode(event),
            version=event.version,
            at=event.recorded_at,
        )


async def rebuilding(dsn: str) -> float:
    """Return events a second of `order-tracking rebuild`, swap and comparison included."""
    async with (
        open_pool(dsn, size=8) as pool,
        open_log(pool, partitions=PARTITIONS, lanes=1, wake=Wake(dsn)) as log,
    ):
        started = time.perf_counter()
        rebuilt = await rebuild(
            pool,
            log,
            progress=lambda _done, _total: None,
            workers=partial(workers, dsn, count=os.cpu_count() or 1),
        )
        return rebuilt.events / (time.perf_counter() - started)


def fill_peer(dsn: str) -> None:
    """Give the peer the events of our log, one partition after the other."""
    stored = [_MAPPER.to_stored_event(one) for one in asyncio.run(_ours(dsn))]
    with _recorder(dsn) as recorder:
        recorder.create_table()
        # Its pipeline stalls on thousands at a time.
        for start in range(0, len(stored), 100):
            recorder.insert_events(stored[start : start + 100])


def peer(dsn: str) -> float:
    """Return notifications a second of the peer: its mapper, and our fold."""
    read, position = 0, 0
    known: dict[UUID, Tracking] = {}
    with _recorder(dsn) as recorder:
        started = time.perf_counter()
        while found := recorder.select_notifications(position + 1, _BATCH):
            for notification in found:
                _fold(known, _MAPPER.to_domain_event(notification))
            position = found[-1].id
            read += len(found)
        return read / (time.perf_counter() - started)


def _mapper() -> Mapper[UUID]:
    transcoder = JSONTranscoder()
    transcoder.register(UUIDAsHex())
    transcoder.register(DatetimeAsISO())
    return Mapper(transcoder)


_MAPPER: Final = _mapper()


async def _ours(dsn: str) -> list[_Happened]:
    connection = await asyncpg.connect(dsn)
    rows = [
        row
        for partition in range(PARTITIONS)
        for row in await connection.fetch(_IN_ORDER, partition, 0, None)
    ]
    await connection.close()
    return [
        _Happened(
            originator_id=row["stream_id"],
            originator_version=row["version"],
            timestamp=row["recorded_at"],
            fact=row["type"],
            fields=orjson.loads(row["data"]),
        )
        for row in rows
    ]


def _fold(known: dict[UUID, Tracking], happened: Any) -> None:
    fact = FACTS[happened.fact].model_validate(happened.fields)
    stream_id: UUID = happened.originator_id
    at: datetime = happened.timestamp
    known[stream_id] = evolve_tracking(
        known.get(stream_id), fact, version=happened.originator_version, at=at
    )


@contextmanager
def _recorder(dsn: str) -> Iterator[PostgresApplicationRecorder]:
    address = urlsplit(dsn)
    datastore = PostgresDatastore(
        dbname=address.path.removeprefix("/"),
        host=address.hostname or parse_qs(address.query)["host"][0],
        port=address.port or 5432,
        user=address.username or "postgres",
        password=address.password or "",
    )
    yield PostgresApplicationRecorder(datastore, events_table_name=_TABLE)
    datastore.close()
