"""Filling the read model anew from the log, beside the live one, and swapping them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import asyncpg
import structlog

from service.db import Connection, Pool, connection, load_sql, transaction
from service.errors import ConflictError, InvalidSettingsError, LogCorruptedError
from service.eventlog.ahead import PartitionReader
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.gaps import GapChecker
from service.eventlog.records import Batch
from service.eventlog.set_aside import load_set_aside, without_set_aside
from service.eventlog.subscription import contiguous
from service.project.filling import (
    PATIENCE,
    Filler,
    Limits,
    fill_all,
    fillers_here,
)
from service.project.orders import CONSUMER
from service.project.projection import project
from service.project.tables import Tables

BATCH_SIZE: Final = 2000
"""Events that are caught up with at a time."""

NEAR: Final = 500
"""Events that may be left to be caught up with while the live tables are locked."""

MOST_TOLD: Final = 10_000
"""Orders that stand otherwise of which the followers of changes are told one by one."""

LOCK_TIMEOUT: Final = "2s"
LOCK_ATTEMPTS: Final = 30

LONG: Final = 200_000
"""Events of a log for which it is worth to start further processes."""

Progress = Callable[[int, int], None]
"""Told how many events are done, and how many there are."""

Workers = Callable[[Limits], AbstractContextManager[Sequence[Filler]]]
"""Starts processes that fill the tables."""

_LOCK_REBUILDS = load_sql("service.project", "lock_rebuilds")
_IS_FED_FROM_ELSEWHERE = load_sql("service.project", "is_fed_from_elsewhere")
_BEGIN = load_sql("service.project", "begin_rebuild")
_MISSING_INDEXES = load_sql("service.project", "missing_indexes")
_NUMBER_CHANGES = load_sql("service.project", "number_changes")
_BEGIN_GENERATION = load_sql("service.project", "begin_generation")
_FINISH = load_sql("service.project", "finish_rebuild")
_ABANDON = load_sql("service.project", "abandon_rebuild")
_LOCK_FOR_SWAP = load_sql("service.project", "lock_for_swap")
_DIFFERENCES = load_sql("service.project", "differences")

_log = structlog.get_logger()


class LogReader(PartitionReader, GapChecker, Protocol):
    """The log as a rebuild catches up with it."""

    async def heads(self) -> Mapping[int, int]:
        """Return the position handed out last in each partition."""
        ...


class Rebuilt(NamedTuple):
    """How many events were folded, and what the live read model had otherwise."""

    events: int
    differences: Sequence[str]


async def rebuild(
    pool: Pool, log: LogReader, *, progress: Progress, workers: Workers | None = None
) -> Rebuilt:
    """Fill the read model anew and put it in the place of the live one.

    *workers* are processes that fill it where the log is long; without, this one does.

    The live projection goes on meanwhile; it is held up only while the last few events
    are caught up with. A rebuild that is broken off changes nothing; what it leaves
    behind is dropped by the next one. Streams that are set aside for the projection
    stay so, and what was dropped stays out.

    Raises:
        ConflictError: Another rebuild is under way, nobody lets go of the live tables,
            or what is set aside changed; try again later.
        InvalidSettingsError: The read model is not filled from this log.
        LogCorruptedError: The log lacks events.
        UnreadableEventError: The log holds what this version cannot read.
    """
    async with _alone(pool):
        model = await _begun(pool, log, progress, workers)
        await model.fill(await log.heads())
        await model.catch_up()
        differing = await model.compare()
        await model.swap(list(differing))
    _log.info("read model rebuilt", events=model.done, differences=len(differing))
    return Rebuilt(model.done, list(differing.values()))


async def compare(
    pool: Pool, log: LogReader, *, progress: Progress, workers: Workers | None = None
) -> Rebuilt:
    """Compare the live read model with what the log makes of it; change nothing.

    The live projection goes on meanwhile.

    Raises:
        ConflictError: A rebuild is under way; try again later.
        LogCorruptedError: The log lacks events.
        UnreadableEventError: The log holds what this version cannot read.
    """
    async with _alone(pool):
        model = await _begun(pool, log, progress, workers)
        async with connection(pool) as lent:
            reached = await load_positions(lent, CONSUMER, list(await log.heads()))
        await model.fill(reached)
        differing = await model.compare()
        async with connection(pool) as lent:
            await lent.execute(_ABANDON)
    return Rebuilt(model.done, list(differing.values()))


async def differences(pool: Pool, log: LogReader) -> Sequence[str]:
    """Return a line for each order of the live read model that is not as it should be."""
    compared = await compare(pool, log, progress=lambda _done, _total: None)
    return compared.differences


@asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[None]:
    # This transaction sees and writes nothing, so it holds no vacuum back; unlike a lock
    # of the session, its lock works behind a connection pooler.
    async with transaction(pool) as lent:
        if not await lent.fetchval(_LOCK_REBUILDS):
            raise ConflictError("A rebuild is under way; wait for its end.")
        # It also closes the statement before, which would keep its snapshot.
        await lent.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


async def _begun(
    pool: Pool, log: LogReader, progress: Progress, workers: Workers | None
) -> "_Model":
    async with transaction(pool) as lent:
        if await lent.fetchval(_IS_FED_FROM_ELSEWHERE):
            raise InvalidSettingsError(
                "ORDER_TRACKING_POSTGRES_DSN names a database whose log is empty and "
                "whose read model is not, so it is filled from Kafka; "
                "docs/howto/run-several-machines.md says how to fill such one anew."
            )
        await lent.execute(_BEGIN)
        aside = await load_set_aside(lent, CONSUMER)
    return _Model(
        pool=pool,
        log=log,
        progress=progress,
        workers=workers,
        aside=aside,
    )


@dataclass(slots=True, kw_only=True)
class _Model:
    """The read model that is being filled, and how far it is."""

    pool: Pool
    log: LogReader
    progress: Progress
    workers: Workers | None
    aside: Mapping[UUID, Sequence[range]]
    tables: Tables = field(default_factory=lambda: Tables("rebuilt"))
    positions: dict[int, int] = field(default_factory=dict)
    done: int = 0
    total: int = 0

    async def fill(self, heads: Mapping[int, int]) -> None:
        """Fold all streams up to *heads*, then catch up with what came meanwhile."""
        self.total = sum(heads.values())
        self.progress(0, self.total)
        limits = Limits(heads=heads, aside=self.aside)
        here = nullcontext(fillers_here(self.pool, limits))
        workers = self.workers if self.total > LONG else None
        with here if workers is None else workers(limits) as fillers:
            await fill_all(self.pool, heads, fillers, did=self._did)
        self.positions = dict(heads)
        async with connection(self.pool) as lent:
            for row in await lent.fetch(_MISSING_INDEXES):
                await lent.execute(row["statement"], timeout=PATIENCE)
            await lent.execute("ANALYZE rebuilt.orders, rebuilt.timeline")

    async def catch_up(self) -> None:
        """Project what came to the log since, but for the last few events."""
        while self._behind(heads := await self.log.heads()) > NEAR:
            async with transaction(self.pool) as lent:
                await self._project_next(lent, heads)

    async def compare(self) -> dict[UUID, str]:
        """Compare with the live model, both as they are at one moment."""
        async with transaction(self.pool) as lent:
            await lent.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            live = await load_positions(lent, CONSUMER, list(self.positions))
            await self._catch_up_with(lent, live)
            level = [p for p, position in self.positions.items() if position == live[p]]
            rows = await lent.fetch(_DIFFERENCES, level, timeout=PATIENCE)
        lines: dict[UUID, str] = {}
        for row in rows:
            known = lines.get(row["stream_id"])
            lines[row["stream_id"]] = (
                f"{known}; {row['line']}" if known else row["line"]
            )
        return lines

    async def swap(self, differing: Sequence[UUID]) -> None:
        """Catch up with the live model and take its place, in one transaction."""
        for _ in range(LOCK_ATTEMPTS):
            await self.catch_up()
            try:
                async with transaction(self.pool) as lent:
                    await self._swap(lent, differing)
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(1)
            else:
                return
        raise ConflictError(
            "Somebody keeps using the live tables, so they cannot be swapped; "
            "end long statements on them and start again."
        )

    async def _swap(self, lent: Connection, differing: Sequence[UUID]) -> None:
        await lent.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await lent.execute(_LOCK_FOR_SWAP)
        if await load_set_aside(lent, CONSUMER) != self.aside:
            raise ConflictError(
                "Streams were set aside, replayed or dropped meanwhile; "
                "start the rebuild again."
            )
        partitions = list(await self.log.heads())
        await self._catch_up_with(
            lent, await load_positions(lent, CONSUMER, partitions)
        )
        told = differing if len(differing) <= MOST_TOLD else []
        await lent.execute(_NUMBER_CHANGES, told, timeout=PATIENCE)
        if len(differing) > MOST_TOLD:
            await lent.execute(_BEGIN_GENERATION)
        await lent.execute(_FINISH)
        batch = Batch(consumer=CONSUMER, events=[], positions=self.positions)
        await save_positions(lent, batch)

    def _behind(self, upto: Mapping[int, int]) -> int:
        behind = (head - self.positions.get(p, 0) for p, head in upto.items())
        return sum(events for events in behind if events > 0)

    async def _catch_up_with(self, lent: Connection, upto: Mapping[int, int]) -> None:
        while self._behind(upto):
            await self._project_next(lent, upto)

    async def _project_next(self, lent: Connection, upto: Mapping[int, int]) -> None:
        """Project the next events of the first partition that is not as far as *upto*."""
        for partition, head in upto.items():
            position = self.positions.get(partition, 0)
            if position >= head:
                continue
            events = await self.log.read_partitions(
                {partition: position}, each=min(BATCH_SIZE, head - position)
            )
            if not events:
                raise LogCorruptedError(
                    f"Partition {partition} ends at {position}, not at {head}; "
                    "compare the log with a backup before anything reads on."
                )
            wanted = without_set_aside(events, self.aside)
            known = await self.tables.load(lent, wanted)
            await self.tables.save(lent, project(wanted, known))
            self.positions |= await contiguous(events, {partition: position}, self.log)
            self._did(len(events))
            return

    def _did(self, events: int) -> None:
        self.done += events
        self.progress(self.done, max(self.done, self.total))
