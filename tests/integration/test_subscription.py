"""Following the log: catch-up, live, hand-over, fencing, failure, parking."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import orjson
import pytest

from events import append_of, stream
from eventually import eventually
from service.clock import SystemClock
from service.db import Pool, connection, transaction
from service.errors import (
    ConcurrencyError,
    FencedError,
    UnavailableError,
)
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.parking import ATTEMPTS
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake

pytestmark = pytest.mark.postgres


class Recorder:
    """A consumer that writes down what it is handed, and fails when it is told to."""

    parks_streams = True

    def __init__(self, pool: Pool, name: str = "recorder") -> None:
        self.name = name
        self.seen: list[str] = []
        self.fails_on: dict[str, Exception] = {}
        self.failures = 0
        self.resumed = 0
        self.held = asyncio.Event()
        self.held.set()
        self._pool = pool

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self.resumed += 1
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        seen = [orjson.loads(event.data)["requested_by"] for event in batch.events]
        for key in seen:
            if key in self.fails_on:
                self.failures += 1
                raise self.fails_on[key]
        await self.held.wait()
        async with transaction(self._pool) as lent:
            await save_positions(lent, batch)
        self.seen += seen


Following = Callable[..., AbstractAsyncContextManager[Subscription]]


@pytest.fixture
def following(pool: Pool, log: PostgresEventLog, wake: Wake) -> Following:
    @asynccontextmanager
    async def follow(
        consumer: Recorder, member: int = 1, slots: int = 16
    ) -> AsyncIterator[Subscription]:
        subscription = Subscription(
            consumer,
            log=log,
            pool=pool,
            wake=wake,
            clock=SystemClock(),
            member=UUID(int=member),
            slots=[range(n, 16, slots) for n in range(slots)],
            batch_size=64,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(subscription.run())
            yield subscription
            running.cancel()

    return follow


async def fill(log: PostgresEventLog, orders: int, each: int, prefix: str = "") -> None:
    async with asyncio.TaskGroup() as tasks:
        for order in range(orders):
            keys = [f"{prefix}{order}-{number}" for number in range(each)]
            tasks.create_task(log.append(append_of(*keys, to=stream(f"o{order}"))))


def in_order(seen: Sequence[str], orders: int, each: int) -> bool:
    return all(
        [key for key in seen if key.startswith(f"{order}-")]
        == [f"{order}-{number}" for number in range(each)]
        for order in range(orders)
    )


class TestFollowing:
    async def test_catches_up_then_goes_on_live(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """What was appended before and after the start is handed out, in order, once."""
        recorder = Recorder(pool)
        await fill(log, orders=10, each=20)

        async with following(recorder):
            await eventually(lambda: _true(len(recorder.seen) == 200))
            await log.append(append_of("live", to=stream("o1")))
            await eventually(lambda: _true(recorder.seen[-1] == "live"), within=0.9)

        assert len(recorder.seen) == 201
        assert in_order(recorder.seen, 10, 20)

    async def test_goes_on_where_it_stopped(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """A consumer that is started again sees nothing twice."""
        await fill(log, orders=4, each=5)
        first, second = Recorder(pool), Recorder(pool)
        async with following(first):
            await eventually(lambda: _true(len(first.seen) == 20))

        await log.append(append_of("later"))
        async with following(second, member=2):
            await eventually(lambda: _true(len(second.seen) == 1))

        assert second.seen == ["later"]

    async def test_hears_of_appends_by_other_processes(
        self, log: PostgresEventLog, pool: Pool, wake: Wake, dsn: str
    ) -> None:
        """A notification of another process wakes the readers of this one."""
        here = Wake(dsn)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(wake.run()), tasks.create_task(here.run())]

            async def told() -> bool:
                wake.appended()
                waited = asyncio.get_running_loop().time()
                await here.wait(at_most=0.5)
                return asyncio.get_running_loop().time() - waited < 0.4

            await eventually(told)
            for task in running:
                task.cancel()


class TestHandOver:
    async def test_two_members_share_and_one_takes_all(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """Partitions are spread fairly, and a member that leaves hands its share over."""
        one, two = Recorder(pool), Recorder(pool)
        async with following(one, member=1) as first:
            async with following(two, member=2) as second:
                await eventually(
                    lambda: _true(len(first._positions) == len(second._positions) == 8)
                )
                await fill(log, orders=20, each=5)
                await eventually(lambda: _true(len(one.seen) + len(two.seen) == 100))
                assert one.seen
                assert two.seen
            await eventually(lambda: _true(len(first._positions) == 16), within=3)
            await log.append(append_of("after"))
            await eventually(lambda: _true("after" in one.seen))

        assert len(set(one.seen + two.seen)) == 101

    async def test_a_zombie_is_refused(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """A member that was replaced while it worked cannot save its positions."""
        zombie, heir = Recorder(pool), Recorder(pool)
        zombie.held.clear()
        await log.append(append_of("a"))
        async with following(zombie, member=1, slots=1) as replaced:
            await eventually(lambda: _true(zombie.resumed))
            async with connection(pool) as lent:
                await lent.execute(
                    "UPDATE eventlog.leases SET owner = $1, token = token + 1",
                    UUID(int=2),
                )
            async with following(heir, member=2, slots=1):
                await eventually(lambda: _true(heir.seen == ["a"]))
                zombie.held.set()
                await eventually(lambda: _true(not replaced._positions))

        assert zombie.seen == []


class TestFailure:
    async def test_what_is_away_is_waited_for(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """While something needed is away, the batch is handed out again and again."""
        recorder = Recorder(pool)
        recorder.fails_on["a"] = UnavailableError("away")
        await log.append(append_of("a", "b"))

        async with following(recorder) as subscription:
            await eventually(lambda: _true(recorder.failures >= 2))
            assert subscription.progress.state == "waiting"
            recorder.fails_on.clear()
            await eventually(lambda: _true(recorder.seen == ["a", "b"]))
            await eventually(lambda: _true(subscription.progress.state == "running"))

    async def test_a_conflict_is_no_events_fault(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """While others are quicker, the batch is handed out again, and nothing parked."""
        recorder = Recorder(pool)
        recorder.fails_on["a"] = ConcurrencyError()
        await log.append(append_of("a", "b"))

        async with following(recorder):
            await eventually(lambda: _true(recorder.failures > ATTEMPTS + 1))
            recorder.fails_on.clear()
            await eventually(lambda: _true(recorder.seen == ["a", "b"]))

        async with connection(pool) as lent:
            parked = await lent.fetchval("SELECT count(*) FROM eventlog.parked_streams")
        assert parked == 0

    async def test_a_poisonous_event_parks_its_stream_only(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """After some tries a failing stream is set aside and all others go on."""
        recorder = Recorder(pool)
        recorder.fails_on["1-2"] = ValueError("poison")
        await fill(log, orders=6, each=4)

        async with following(recorder):
            await eventually(lambda: _true(len(recorder.seen) == 22))
            await log.append(append_of("1-4", to=stream("o1")))
            await log.append(append_of("2-4", to=stream("o2")))
            await eventually(lambda: _true("2-4" in recorder.seen))

        assert "1-3" not in recorder.seen
        assert "1-4" not in recorder.seen
        async with connection(pool) as lent:
            row = await lent.fetchrow("SELECT * FROM eventlog.parked_streams")
        assert row is not None
        assert (row["version"], row["reason"]) == (3, "builtins.ValueError")

    async def test_a_hole_stops_the_consumer(
        self, log: PostgresEventLog, pool: Pool, following: Following
    ) -> None:
        """A missing position stops the consumer with the partition's number."""
        appended = await log.append(append_of("a"))
        async with connection(pool) as lent:
            await lent.execute("UPDATE eventlog.partitions SET head = head + 1")
        await log.append(append_of("b"))

        recorder = Recorder(pool)
        async with following(recorder) as subscription:
            await eventually(lambda: _true(subscription.progress.state == "stopped"))

        assert f"Partition {appended.partition} " in (
            subscription.progress.missing or ""
        )


class TestSavePositions:
    async def test_without_the_lease_saves_nothing(self, pool: Pool) -> None:
        """A batch whose token is not the slot's is refused."""
        batch = Batch(consumer="c", events=[], positions={0: 5}, tokens={0: 1})

        async with connection(pool) as lent:
            with pytest.raises(FencedError):
                await save_positions(lent, batch)
            assert await load_positions(lent, "c", [0]) == {0: 0}


async def _true(condition: object) -> bool:
    return bool(condition)
