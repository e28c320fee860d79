"""Which appends lanes put into one call."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from events import AT, stream
from eventually import eventually
from service.eventlog.group import LARGEST, EncodedEvent, Lanes, Pending


def pending(name: str, partition: int = 0, *, events: int = 1) -> Pending:
    encoded = [
        EncodedEvent(
            type="HandlingRequested",
            schema_version=1,
            key=f"{name}-{number}",
            data="{}",
            metadata="{}",
            occurred_at=AT,
        )
        for number in range(events)
    ]
    return Pending(
        stream=stream(name), partition=partition, expected=None, events=encoded
    )


class Database:
    """Notes the calls made of it; each waits until it is let go on."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.go_on = asyncio.Event()

    async def write(self, group: Sequence[Pending]) -> None:
        self.calls.append([p.stream.order_id for p in group])
        await self.go_on.wait()
        for p in group:
            p.verdict.cancel()


async def written(*queued: Pending) -> list[list[str]]:
    """Return the calls that a lane makes of what is queued, by the order's name."""
    database = Database()
    database.go_on.set()
    waited = [p for p in queued if not p.verdict.done()]

    async def all_told() -> bool:
        return all(p.verdict.done() for p in waited)

    lanes = Lanes(database.write, count=1)
    for append in queued:
        lanes.put(append)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(lanes.run())
        await eventually(all_told)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return database.calls


class TestGroups:
    async def test_coalesce_what_waits(self) -> None:
        """Appends to different orders go into one call."""
        assert await written(pending("a"), pending("b")) == [["a", "b"]]

    async def test_hold_an_order_once(self) -> None:
        """The second append to an order waits for the next call, others go on."""
        calls = await written(pending("a"), pending("a"), pending("b"))

        assert calls == [["a", "b"], ["a"]]

    async def test_leave_out_what_nobody_waits_for(self) -> None:
        """An append whose caller gave up is not written, so that none pile up."""
        given_up = pending("a")
        given_up.verdict.cancel()

        assert await written(given_up, pending("b")) == [["b"]]

    async def test_take_turns_of_partitions(self) -> None:
        """What a partition has beyond a call waits behind the other partitions."""
        calls = await written(
            pending("a", 0, events=LARGEST), pending("b", 0), pending("c", 1)
        )

        assert calls == [["a"], ["c", "b"]]


class TestSideBySide:
    async def test_a_partition_is_in_one_call_at_a_time(self) -> None:
        """While a call is under way another takes other partitions, and none of its."""
        database = Database()
        lanes = Lanes(database.write, count=2)

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(lanes.run())
            lanes.put(pending("a", 0))
            await eventually(lambda: _made(database, 1))
            for append in (pending("b", 0), pending("c", 1), pending("d", 1)):
                lanes.put(append)
            await eventually(lambda: _made(database, 2))
            assert database.calls == [["a"], ["c", "d"]]
            database.go_on.set()
            await eventually(lambda: _made(database, 3))
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        assert database.calls[2:] == [["b"]]

    async def test_nobody_is_left_waiting_at_the_end(self) -> None:
        """Who waits when the lanes end is told, whether written or still queued."""
        database = Database()
        lanes = Lanes(database.write, count=2)
        appends = [pending("a"), pending("b", 1), pending("c")]

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(lanes.run())
            lanes.put(appends[0])
            await eventually(lambda: _made(database, 1))
            lanes.put(appends[1])
            lanes.put(appends[2])
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        assert [append.verdict.cancelled() for append in appends] == [True] * 3


async def _made(database: Database, calls: int) -> bool:
    return len(database.calls) == calls
