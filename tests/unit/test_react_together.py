"""Callers that come at the same time share a write."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from eventually import eventually
from service.errors import DatabaseUnavailableError
from service.react.together import PACE, Together


class Writer:
    """Writes numbers, says of each whether it is even, and refuses those below 0."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started: list[float] = []
        self.written: list[int] = []
        self.door = asyncio.Event()
        self.away = False

    async def write(self, items: Sequence[int]) -> list[bool]:
        self.batches.append(list(items))
        self.started.append(time.monotonic())
        await self.door.wait()
        if self.away:
            raise DatabaseUnavailableError
        if min(items) < 0:
            raise ValueError(items)
        self.written += items
        return [item % 2 == 0 for item in items]


async def started(
    writer: Writer,
    together: Together[int],
    items: Sequence[int],
    tasks: asyncio.TaskGroup,
) -> list[asyncio.Task[bool | Exception]]:
    """Put *items*; the first of them is being written as the others come."""

    async def put(item: int) -> bool | Exception:
        try:
            return await together.put(item)
        except (DatabaseUnavailableError, ValueError) as error:
            return error

    async def is_written() -> bool:
        return bool(writer.batches)

    putting = [tasks.create_task(put(items[0]))]
    await eventually(is_written)
    putting += [tasks.create_task(put(item)) for item in items[1:]]
    await asyncio.sleep(0)
    return putting


class TestPut:
    async def test_writes_together_what_comes_meanwhile(self) -> None:
        """While one is written the others gather; each gets its own verdict."""
        writer = Writer()
        together = Together(writer.write)

        async with asyncio.TaskGroup() as tasks:
            putting = await started(writer, together, [1, 2, 3, 4], tasks)
            writer.door.set()

        assert writer.batches == [[1], [2, 3, 4]]
        assert [task.result() for task in putting] == [False, True, False, True]

    async def test_writes_what_comes_alone(self) -> None:
        """Nobody else is needed for a write."""
        writer = Writer()
        together = Together(writer.write)
        writer.door.set()

        assert [await together.put(1), await together.put(2)] == [False, True]
        assert writer.batches == [[1], [2]]

    async def test_keeps_its_pace(self) -> None:
        """However quickly they are done, writes do not follow each other at once."""
        writer = Writer()
        together = Together(writer.write)
        writer.door.set()

        for item in range(3):
            await together.put(item)

        assert writer.started[2] - writer.started[0] > PACE

    async def test_of_what_cannot_be_written_fails_alone(self) -> None:
        """One item at fault does not keep the others from being written."""
        writer = Writer()
        together = Together(writer.write)

        async with asyncio.TaskGroup() as tasks:
            putting = await started(writer, together, [1, 2, -3, 4], tasks)
            writer.door.set()

        results = [task.result() for task in putting]
        assert results[:2] + results[3:] == [False, True, True]
        assert isinstance(results[2], ValueError)
        assert writer.written == [1, 2, 4]

    async def test_without_a_database_fails_for_all(self) -> None:
        """All learn that nothing could be written, after one try; later ones go on."""
        writer = Writer()
        together = Together(writer.write)
        writer.away = True

        async with asyncio.TaskGroup() as tasks:
            putting = await started(writer, together, [1, 2, 3], tasks)
            writer.door.set()
        writer.away = False

        failed = [
            isinstance(task.result(), DatabaseUnavailableError) for task in putting
        ]
        assert failed == [True, True, True]
        assert writer.batches == [[1], [2, 3]]
        assert await together.put(4)

    @pytest.mark.parametrize("cancelled", [0, 1])
    async def test_outlives_who_writes(self, cancelled: int) -> None:
        """When whoever writes for others is cancelled, nobody waits in vain."""
        writer = Writer()
        together = Together(writer.write)

        async with asyncio.TaskGroup() as tasks:
            putting = await started(writer, together, [1, 2, 3], tasks)
            putting[cancelled].cancel()
            await asyncio.wait(putting[cancelled : cancelled + 1])
            writer.door.set()
            await asyncio.wait(putting)

        assert putting[cancelled].cancelled()
        assert await together.put(4)

    async def test_writes_for_the_others_where_one_gave_up(self) -> None:
        """Who no longer waits for the verdict takes it from nobody else."""
        writer = Writer()
        together = Together(writer.write)

        async with asyncio.TaskGroup() as tasks:
            putting = await started(writer, together, [1, 2, 3, 4], tasks)
            putting[2].cancel()
            await asyncio.wait(putting[2:3])
            writer.door.set()

        assert (putting[1].result(), putting[3].result()) == (True, True)
