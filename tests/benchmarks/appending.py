"""Appending: group append against COPY and against PyPI `eventsourcing`."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from benchmarks.payload import AT, FACT, append_number
from service.config import Settings
from service.db import open_pool
from service.eventlog.codec import encode
from service.eventlog.store import PostgresEventLog, open_log
from service.eventlog.wake import Wake

LANES: int = Settings.model_fields["append_lanes"].default
"""As many as the service has."""

_runs = count(1)


async def group_append(
    dsn: str, *, callers: int, events: int, batch: int = 1, lanes: int = LANES
) -> float:
    """Return events a second of *callers* that append *batch* events at a time."""
    run = f"run{next(_runs)}"
    numbers = iter(range(events // batch))

    async def caller(log: PostgresEventLog) -> None:
        for number in numbers:
            await log.append(append_number(number, run=run, events=batch))

    async with (
        open_pool(dsn, size=4) as pool,
        open_log(pool, partitions=16, lanes=lanes, wake=Wake(dsn)) as log,
    ):
        await log.append(append_number(events, run=run))
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(callers):
                tasks.create_task(caller(log))
        return events / (time.perf_counter() - started)


async def copy(dsn: str, *, connections: int, events: int) -> float:
    """Return rows a second of COPY into the log's own table: the ceiling."""
    data, metadata = encode(FACT), '{"correlation_id":"' + "c" * 160 + '"}'
    each = events // connections
    sources = [
        [
            (
                _stream_id(), 1, n % 16, n, FACT.type, 1, f"{run}:{n}",
                data, metadata, AT, AT,
            )
            for n in range(each)
        ]
        for run in range(connections)
    ]  # fmt: skip
    opened = [await asyncpg.connect(dsn) for _ in sources]
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for connection, rows in zip(opened, sources, strict=True):
            tasks.create_task(_copy_in_parts(connection, rows))
    took = time.perf_counter() - started
    for connection in opened:
        await connection.close()
    return each * connections / took


def _stream_id() -> UUID:
    milliseconds = time.time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | secrets.randbits(61))


async def _copy_in_parts(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: Sequence[tuple[object, ...]]
) -> None:
    for start in range(0, len(rows), 10_000):
        await connection.copy_records_to_table(
            "events", schema_name="eventlog", records=rows[start : start + 10_000]
        )


def peer(dsn: str, *, writers: int, events: int, batch: int = 1) -> float:
    """Return events a second of `eventsourcing`'s recorder in its safe mode."""
    run = next(_runs)
    address = urlsplit(dsn)
    datastore = PostgresDatastore(
        dbname=address.path.removeprefix("/"),
        host=address.hostname or parse_qs(address.query)["host"][0],
        port=address.port or 5432,
        user=address.username or "postgres",
        password=address.password or "",
        pool_size=writers,
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
    recorder.create_table()
    state = encode(FACT).encode()

    def write(writer: int) -> None:
        stream = uuid5(NAMESPACE_OID, f"{run}-{writer}")
        for start in range(0, events // writers, batch):
            recorder.insert_events(
                [
                    StoredEvent(stream, version, FACT.type, state)
                    for version in range(start, start + batch)
                ]
            )

    warm = uuid5(NAMESPACE_OID, f"{run}-warm")
    recorder.insert_events([StoredEvent(warm, 1, FACT.type, state)])
    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(write, range(writers)))
    took = time.perf_counter() - started
    datastore.close()
    return events / took
