"""Reading on in the log while the events before are being handled."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol

from service.errors import ServiceError, ungrouped
from service.eventlog.records import RecordedEvent


class PartitionReader(Protocol):
    """Reads partitions of the log."""

    async def read_partitions(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        """Return up to *each* events after the position of each partition, in order."""
        ...


class _Ahead(NamedTuple):
    positions: Mapping[int, int]
    events: Sequence[RecordedEvent]


class ReadAhead:
    """Reads for one reader, and meets it where it is going.

    What was read ahead serves only a reader that goes on from exactly there.
    """

    def __init__(self, log: PartitionReader) -> None:
        self._log = log
        self._ahead: _Ahead | None = None

    async def read(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        """See `PartitionReader.read_partitions`."""
        ahead, self._ahead = self._ahead, None
        # Nothing was there then, but may be there by now.
        if ahead is not None and ahead.events and ahead.positions == positions:
            return ahead.events
        return await self._log.read_partitions(positions, each=each)

    async def during(
        self, work: Awaitable[None], *, positions: Mapping[int, int], each: int
    ) -> None:
        """Await *work*, and meanwhile read what comes after *positions*.

        Raises:
            Exception: What *work* raised; that nothing could be read is no failure.
        """
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(positions, each=each))
                await work
        self._ahead = _Ahead(positions, reading.result())

    async def _read(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        try:
            return await self._log.read_partitions(positions, each=each)
        except ServiceError:
            return []
