"""The log in PostgreSQL."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import orjson
from opentelemetry.trace import SpanKind, StatusCode

from service.db import Pool, connection, load_sql
from service.errors import (
    ConcurrencyError,
    DatabaseUnavailableError,
    InvalidEventError,
    InvalidSettingsError,
)
from service.eventlog.codec import encode
from service.eventlog.gaps import Gap, check_gaps
from service.eventlog.group import EncodedEvent, Lanes, Pending
from service.eventlog.partitions import partition_of
from service.eventlog.records import (
    Append,
    Appended,
    Metadata,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.eventlog.wake import Wake
from service.failpoints import reached
from service.telemetry import meter, order_attributes, traceparent_of, tracer

_UNSTORABLE = re.compile("[\x00\x1e\ud800-\udfff]")
"""Null, the separator of joined texts, and halves of characters."""

MOST_WAITING = 10_000
"""Appends that may wait in one process; further callers wait for their turn."""

_joined = "\x1e".join
"""Many texts as one; none may hold the separator."""

_APPEND = load_sql("service.eventlog", "append")
_READ_STREAMS = load_sql("service.eventlog", "read_streams")
_READ_STREAMS_SINCE = load_sql("service.eventlog", "read_streams_since")
_READ_PARTITIONS = load_sql("service.eventlog", "read_partitions")
_HEADS = load_sql("service.eventlog", "heads")
_MAKE_MONTHS = load_sql("service.eventlog", "make_months")
_CREATE_PARTITIONS = load_sql("service.eventlog", "create_partitions")

_waiting = meter.create_up_down_counter(
    "eventlog.append.waiting", unit="{append}", description="Appends not yet durable."
)
_events = meter.create_counter(
    "eventlog.events",
    unit="{event}",
    description="Events appended.",
)


async def create_partitions(pool: Pool, wanted: int) -> None:
    """Create the partitions of a new log, or check those of an existing one.

    Raises:
        DatabaseUnavailableError: The database is away, or not migrated yet.
        InvalidSettingsError: The log was created with another number; it is for life.
    """
    try:
        async with connection(pool, "start.partitions") as lent:
            await lent.execute(_CREATE_PARTITIONS, wanted)
            found = len(await lent.fetch(_HEADS))
    except asyncpg.UndefinedTableError as error:
        raise DatabaseUnavailableError(
            "The database has no event log yet; run `order-tracking migrate`."
        ) from error
    if found != wanted:
        raise InvalidSettingsError(
            f"The log has {found} partitions, fixed when it was created; "
            f"set ORDER_TRACKING_PARTITIONS={found}."
        )


async def make_months(pool: Pool) -> int:
    """Make the log's tables for the months ahead; return how many were missing."""
    async with connection(pool, "start.months") as lent:
        made: int = await lent.fetchval(_MAKE_MONTHS)
    return made


class PostgresEventLog:
    """See `EventLog`. Open it with `open_log`, which runs its lanes."""

    def __init__(self, pool: Pool, *, partitions: int, lanes: int, wake: Wake) -> None:
        self.partitions = partitions
        self._pool = pool
        self._wake = wake
        self._queued = 0
        self._room = asyncio.Event()
        self._room.set()
        self._lanes = Lanes(self._write, count=lanes)

    async def append(self, append: Append) -> Appended:
        """See `EventLog.append`."""
        span = tracer.start_span(
            "append events",
            kind=SpanKind.PRODUCER,
            attributes=order_attributes(*append.stream),
        )
        while self._queued >= MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        self._queued += 1
        _waiting.add(1)
        try:
            pending = self._pending(append, traceparent_of(span))
            self._lanes.put(pending)
            appended = await pending.verdict
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            self._queued -= 1
            self._room.set()
            _waiting.add(-1)
            span.end()
        _events.add(appended.new)
        return appended

    def _pending(self, append: Append, traceparent: str | None) -> Pending:
        events = [_encoded(event, traceparent) for event in append.events]
        if not events or (len(events) > 1 and _repeats_a_key(events)):
            raise InvalidEventError(
                f"An append to {append.stream} needs events with keys of their own."
            )
        _check_text(append.stream.account, append.stream.order_id)
        return Pending(
            stream=append.stream,
            partition=partition_of(append.stream, self.partitions),
            expected=append.expected,
            events=events,
        )

    async def _write(self, group: Sequence[Pending]) -> None:
        async with connection(self._pool, "append") as lent:
            try:
                rows = await lent.fetch(_APPEND, *_columns(group))
            except (
                asyncpg.DataError,
                asyncpg.IntegrityConstraintViolationError,
                asyncpg.ProgramLimitExceededError,
            ) as error:
                raise InvalidEventError(
                    f"PostgreSQL refuses the event: {error}"
                ) from error
        for row in rows:
            _tell(group[row["append"] - 1], row)
        reached("append.told")
        self._wake.appended()

    async def read_stream(
        self, stream: StreamKey, *, after: int = 0
    ) -> Sequence[RecordedEvent]:
        """See `EventLog.read_stream`."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(
                _READ_STREAMS, [stream.account], [stream.order_id], after
            )
        return [recorded(row) for row in rows]

    async def read_streams(
        self, streams: Sequence[StreamKey], *, since: str | None = None
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        """See `EventLog.read_streams`."""
        statement, start = (
            (_READ_STREAMS, 0) if since is None else (_READ_STREAMS_SINCE, since)
        )
        async with connection(self._pool) as lent:
            rows = await lent.fetch(
                statement,
                [stream.account for stream in streams],
                [stream.order_id for stream in streams],
                start,
            )
        found: defaultdict[StreamKey, list[RecordedEvent]] = defaultdict(list)
        for row in rows:
            event = recorded(row)
            found[event.stream].append(event)
        return {stream: found[stream] for stream in streams}

    async def read_partitions(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        """Return up to *each* events after the position of each partition, in order."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(
                _READ_PARTITIONS, list(positions), list(positions.values()), each
            )
        return [recorded(row) for row in rows]

    async def check_gaps(self, gaps: Sequence[Gap]) -> None:
        """See `GapChecker.check_gaps`."""
        await check_gaps(self._pool, gaps)

    async def heads(self) -> dict[int, int]:
        """Return the position handed out last in each partition."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_HEADS)
        return {row["partition"]: row["head"] for row in rows}

    async def run(self) -> None:
        """Run the lanes until cancelled."""
        await self._lanes.run()


@asynccontextmanager
async def open_log(
    pool: Pool, *, partitions: int, lanes: int, wake: Wake
) -> AsyncIterator[PostgresEventLog]:
    """Open the log and run its lanes for as long as the block runs."""
    log = PostgresEventLog(pool, partitions=partitions, lanes=lanes, wake=wake)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(log.run())
        try:
            yield log
        finally:
            running.cancel()


def _encoded(event: NewEvent, traceparent: str | None) -> EncodedEvent:
    _check_text(event.key)
    return EncodedEvent(
        type=event.fact.type,
        schema_version=event.fact.schema_version,
        key=event.key,
        data=encode(event.fact),
        metadata=_encoded_metadata(event.metadata, traceparent),
        occurred_at=event.occurred_at,
    )


def _repeats_a_key(events: Sequence[EncodedEvent]) -> bool:
    return len({event.key for event in events}) < len(events)


def _encoded_metadata(metadata: Metadata, traceparent: str | None) -> str:
    fields = {"correlation_id": metadata.correlation_id, "source": metadata.source}
    if metadata.causation_id is not None:
        fields["causation_id"] = metadata.causation_id
    if traceparent is not None:
        fields["traceparent"] = traceparent
    if metadata.actor is not None:
        fields["actor"] = metadata.actor
    return orjson.dumps(fields).decode()


def _check_text(*texts: str) -> None:
    for text in texts:
        if not text or _UNSTORABLE.search(text):
            raise InvalidEventError(
                f"{text!r} is empty, or holds characters that the log cannot store."
            )


def _columns(group: Sequence[Pending]) -> list[object]:
    events = [
        (number, event)
        for number, pending in enumerate(group, start=1)
        for event in pending.events
    ]
    return [
        _joined([pending.stream.account for pending in group]),
        _joined([pending.stream.order_id for pending in group]),
        _array([pending.partition for pending in group]),
        _array([-1 if p.expected is None else p.expected for p in group]),
        _array([number for number, _ in events]),
        _joined([event.type for _, event in events]),
        _array([event.schema_version for _, event in events]),
        _joined([event.key for _, event in events]),
        _joined([event.data for _, event in events]),
        _joined([event.metadata for _, event in events]),
        [event.occurred_at for _, event in events],
    ]


def _array(numbers: Sequence[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _tell(pending: Pending, row: asyncpg.Record) -> None:
    if pending.verdict.done():  # its caller was cancelled meanwhile
        return
    _, verdict, stream_id, version, position, new_events = row
    if verdict == "conflict":
        pending.verdict.set_exception(
            ConcurrencyError(
                f"{pending.stream} is not at version {pending.expected}; "
                "reload it and decide again."
            )
        )
        return
    pending.verdict.set_result(
        Appended(
            stream_id=stream_id,
            partition=pending.partition,
            position=position,
            version=version,
            new=new_events,
        )
    )


def recorded(row: asyncpg.Record) -> RecordedEvent:
    """Return the record of a row of the log joined with its stream."""
    return RecordedEvent(
        row["partition"],
        row["position"],
        row["stream_id"],
        StreamKey(row["account"], row["order_id"]),
        row["version"],
        row["type"],
        row["schema_version"],
        row["data"],
        row["metadata"],
        row["occurred_at"],
        row["recorded_at"],
    )
