"""Reading ahead gives what reading gives, and costs no event and no error."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from typing_extensions import override

from events import append_of, stream
from memory_log import MemoryEventLog
from service.errors import DatabaseUnavailableError, FencedError
from service.eventlog.ahead import PartitionReader, ReadAhead
from service.eventlog.records import RecordedEvent


class CountedLog(PartitionReader):
    """A log in memory that tells how often it was read, and fails when told."""

    def __init__(self) -> None:
        self.memory = MemoryEventLog()
        self.reads = 0
        self.fails = False

    @override
    async def read_partitions(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        self.reads += 1
        if self.fails:
            raise DatabaseUnavailableError
        return [
            event
            for event in self.memory.events
            if positions.get(event.partition, each) < event.position
        ]


@pytest.fixture
async def log() -> CountedLog:
    log = CountedLog()
    for number in range(3):
        await log.memory.append(append_of(f"key-{number}", to=stream("1-01")))
    return log


def place(log: CountedLog, position: int) -> dict[int, int]:
    return {log.memory.events[0].partition: position}


async def nothing() -> None:
    await asyncio.sleep(0)


async def refused() -> None:
    raise FencedError


class TestReadAhead:
    async def test_goes_on(self, log: CountedLog) -> None:
        """What was read while the last events were handled is not read again."""
        ahead = ReadAhead(log)
        await ahead.during(nothing(), positions=place(log, 1), each=10)

        events = await ahead.read(place(log, 1), each=10)

        assert [event.position for event in events] == [2, 3]
        assert log.reads == 1

    async def test_elsewhere(self, log: CountedLog) -> None:
        """A reader that goes on from another place gets what is there."""
        ahead = ReadAhead(log)
        await ahead.during(nothing(), positions=place(log, 1), each=10)

        events = await ahead.read(place(log, 0), each=10)

        assert [event.position for event in events] == [1, 2, 3]

    async def test_once(self, log: CountedLog) -> None:
        """What was read ahead is handed out once; the next time the log is asked."""
        ahead = ReadAhead(log)
        await ahead.during(nothing(), positions=place(log, 2), each=10)
        await ahead.read(place(log, 2), each=10)
        await log.memory.append(append_of("key-9", to=stream("1-01")))

        events = await ahead.read(place(log, 2), each=10)

        assert [event.position for event in events] == [3, 4]

    async def test_nothing_there(self, log: CountedLog) -> None:
        """That nothing was there is looked at again."""
        ahead = ReadAhead(log)
        await ahead.during(nothing(), positions=place(log, 3), each=10)
        await log.memory.append(append_of("key-9", to=stream("1-01")))

        assert len(await ahead.read(place(log, 3), each=10)) == 1

    async def test_work_fails(self, log: CountedLog) -> None:
        """The error of the work is raised as it is, and nothing is kept."""
        ahead = ReadAhead(log)

        with pytest.raises(FencedError):
            await ahead.during(refused(), positions=place(log, 1), each=10)

        before = log.reads
        await ahead.read(place(log, 1), each=10)
        assert log.reads == before + 1

    async def test_reading_fails(self, log: CountedLog) -> None:
        """Work is not disturbed when the log cannot be read; the next read tells."""
        ahead = ReadAhead(log)
        log.fails = True

        await ahead.during(nothing(), positions=place(log, 1), each=10)

        with pytest.raises(DatabaseUnavailableError):
            await ahead.read(place(log, 1), each=10)

    async def test_cancelled(self, log: CountedLog) -> None:
        """Cancelling the reader cancels the work."""
        ahead = ReadAhead(log)
        begun = asyncio.Event()
        ended = asyncio.Event()

        async def endless() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with asyncio.TaskGroup() as tasks:
            handling = tasks.create_task(
                ahead.during(endless(), positions=place(log, 1), each=10)
            )
            await begun.wait()
            handling.cancel()

        assert ended.is_set()
