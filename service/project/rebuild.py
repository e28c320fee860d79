"""Filling the read model anew from the log, beside the live one, and comparing them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import structlog

from service.db import Connection, Pool, load_sql, transaction
from service.errors import ConflictError, LogCorruptedError
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.records import Batch, RecordedEvent
from service.eventlog.subscription import contiguous
from service.project.orders import CONSUMER
from service.project.projection import project
from service.project.tables import Tables

BATCH_SIZE = 5000
PATIENCE = 3600.0
"""Seconds that one statement of a rebuild may take."""

Progress = Callable[[int, int], None]
"""Told how many events are done, and how many there are."""

_LOCK_REBUILDS = load_sql("service.project", "lock_rebuilds")
_BEGIN = load_sql("service.project", "begin_rebuild")
_FINISH = load_sql("service.project", "finish_rebuild")
_ABANDON = load_sql("service.project", "abandon_rebuild")
_LOCK_FOR_SWAP = load_sql("service.project", "lock_for_swap")
_LOCK_FOR_COMPARISON = load_sql("service.project", "lock_for_comparison")
_PARKED = load_sql("service.project", "parked_versions")
_DIFFERENCES = load_sql("service.project", "differences")

_log = structlog.get_logger()


class LogReader(Protocol):
    """The log as a rebuild reads it."""

    async def read_partitions(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        """Return up to *each* events after the position of each partition, in order."""
        ...

    async def heads(self) -> Mapping[int, int]:
        """Return the position handed out last in each partition."""
        ...


async def rebuild(pool: Pool, log: LogReader, *, progress: Progress) -> int:
    """Fill the read model anew and put it in the place of the live one.

    The live projection goes on meanwhile; it is held up only while the last events
    are caught up with. All is one transaction: until it commits nothing is changed,
    and a rebuild that is broken off leaves nothing behind. Streams that are set aside
    for the projection stay so. Returns how many events were read.

    Raises:
        ConflictError: Another rebuild is under way.
    """
    async with _filling(pool, log, progress) as filling:
        while filling.behind(heads := await log.heads()) > BATCH_SIZE:
            await filling.catch_up_with(heads)
        await filling.lent.execute(_LOCK_FOR_SWAP)
        await filling.catch_up_with(await log.heads())
        await filling.lent.execute(_FINISH)
        await save_positions(
            filling.lent,
            Batch(consumer=CONSUMER, events=[], positions=filling.positions),
        )
    _log.info("read model rebuilt", events=filling.done)
    return filling.done


async def differences(pool: Pool, log: LogReader) -> list[str]:
    """Compare the live read model with what the log makes of it; change nothing.

    Returns a line for each order or entry that differs. The live projection waits
    meanwhile.
    """
    async with _filling(pool, log, lambda _done, _total: None) as filling:
        await filling.lent.execute(_LOCK_FOR_COMPARISON)
        partitions = list(await log.heads())
        await filling.catch_up_with(
            await load_positions(filling.lent, CONSUMER, partitions)
        )
        rows = await filling.lent.fetch(_DIFFERENCES, timeout=PATIENCE)
        await filling.lent.execute(_ABANDON)
    return [row["line"] for row in rows]


@dataclass(slots=True, kw_only=True)
class _Filling:
    lent: Connection
    log: LogReader
    progress: Progress
    parked: Mapping[UUID, int]
    tables: Tables
    positions: dict[int, int] = field(default_factory=dict)
    done: int = 0

    def behind(self, upto: Mapping[int, int]) -> int:
        return sum(
            head - self.positions.get(partition, 0) for partition, head in upto.items()
        )

    async def catch_up_with(self, upto: Mapping[int, int]) -> None:
        """Project what is in the log up to the positions *upto*."""
        total = self.done + self.behind(upto)
        self.progress(self.done, total)
        for partition, head in upto.items():
            while (position := self.positions.get(partition, 0)) < head:
                events = await self.log.read_partitions(
                    {partition: position}, each=min(BATCH_SIZE, head - position)
                )
                if not events:
                    raise LogCorruptedError(
                        f"Partition {partition} ends at {position}, not at {head}; "
                        "compare the log with a backup before anything reads on."
                    )
                await self._project(events)
                self.positions |= contiguous(events, {partition: position})
                self.done += len(events)
                self.progress(self.done, total)

    async def _project(self, events: Sequence[RecordedEvent]) -> None:
        wanted = [
            event
            for event in events
            if event.version < self.parked.get(event.stream_id, event.version + 1)
        ]
        known = await self.tables.load(self.lent, wanted)
        await self.tables.save(self.lent, project(wanted, known))


@asynccontextmanager
async def _filling(
    pool: Pool, log: LogReader, progress: Progress
) -> AsyncIterator[_Filling]:
    async with transaction(pool) as lent:
        if not await lent.fetchval(_LOCK_REBUILDS):
            raise ConflictError("A rebuild is under way; wait for its end.")
        await lent.execute(_BEGIN)
        parked = await lent.fetch(_PARKED, CONSUMER)
        yield _Filling(
            lent=lent,
            log=log,
            progress=progress,
            parked={row["stream_id"]: row["version"] for row in parked},
            tables=Tables("rebuilt"),
        )
