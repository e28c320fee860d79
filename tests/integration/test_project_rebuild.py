"""Rebuilding the read model from the log, and comparing the two."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg
import pytest
from typing_extensions import override

from builders import (
    cancellation_requested,
    courier_status,
    details_fetched,
    document,
    invoice_issued,
    logistics,
    minutes,
    package,
    status_reported,
)
from events import stream
from service.db import Pool, connection, transaction
from service.domain.facts import OrderFact
from service.errors import ConflictError, LogCorruptedError
from service.eventlog.records import (
    Append,
    Batch,
    Metadata,
    NewEvent,
    RecordedEvent,
)
from service.eventlog.store import PostgresEventLog
from service.project.orders import CONSUMER, OrdersProjector
from service.project.rebuild import differences, rebuild

pytestmark = pytest.mark.postgres

LIFE: Sequence[OrderFact] = (
    status_reported("payment-pending", last_change=minutes(0)),
    details_fetched(document("handling", last_change=minutes(1))),
    invoice_issued(),
    details_fetched(
        document(
            "invoiced",
            packages=(package(status=courier_status("Objeto postado")),),
            last_change=minutes(9),
        )
    ),
    cancellation_requested(),
)
PICKUP: Sequence[OrderFact] = (
    details_fetched(
        document(
            "invoiced",
            logistics=(logistics(channel="pickup-in-point", estimate=minutes(30)),),
        )
    ),
    status_reported("invoiced", last_change=minutes(40)),
)


def ignored(_done: int, _total: int) -> None:
    """Follow no progress."""


async def live(
    log: PostgresEventLog, order_id: str, facts: Sequence[OrderFact]
) -> None:
    for number, fact in enumerate(facts):
        event = NewEvent(
            fact=fact,
            key=f"key-{number}",
            occurred_at=minutes(number),
            metadata=Metadata(correlation_id="chain-1", source="test"),
        )
        await log.append(Append(stream=stream(order_id), events=[event]))


async def project_all(pool: Pool, log: PostgresEventLog, *, each: int = 3) -> None:
    """Follow the log to its end, a few events of each partition at a time."""
    projector = OrdersProjector(pool)
    positions = dict(await projector.resume(list(await log.heads())))
    while events := await log.read_partitions(positions, each=each):
        reached = {event.partition: event.position for event in events}
        await projector.handle(
            Batch(consumer=CONSUMER, events=events, positions=reached)
        )
        positions |= reached


class Through:
    """A log that is read through."""

    def __init__(self, log: PostgresEventLog) -> None:
        self._log = log

    async def heads(self) -> Mapping[int, int]:
        return await self._log.heads()

    async def read_partitions(
        self, positions: Mapping[int, int], *, each: int
    ) -> Sequence[RecordedEvent]:
        return await self._log.read_partitions(positions, each=each)


async def can_write(pool: Pool) -> bool:
    async with transaction(pool) as lent:
        try:
            await lent.execute("LOCK read.orders IN ROW EXCLUSIVE MODE NOWAIT")
        except asyncpg.LockNotAvailableError:
            return False
    return True


async def value_of(pool: Pool, statement: str) -> object:
    async with connection(pool) as lent:
        return await lent.fetchval(statement)


@pytest.fixture
async def history(pool: Pool, log: PostgresEventLog) -> None:
    """Orders that went their way before the test."""
    for number in range(12):
        await live(log, f"{number:04}-01", LIFE if number % 3 else PICKUP)
    await project_all(pool, log)


@pytest.mark.usefixtures("history")
class TestRebuild:
    async def test_same_as_live(self, pool: Pool, log: PostgresEventLog) -> None:
        """What is rebuilt is what was projected live."""
        before = await snapshot(pool)

        await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before

    async def test_repairs(self, pool: Pool, log: PostgresEventLog) -> None:
        """Rows that were lost or changed by hand are back."""
        before = await snapshot(pool)
        async with transaction(pool) as lent:
            await lent.execute("UPDATE read.orders SET status = 'wrong'")
            await lent.execute("DELETE FROM read.timeline")

        await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before

    async def test_progress(self, pool: Pool, log: PostgresEventLog) -> None:
        """Progress runs from nothing to everything."""
        told: list[tuple[int, int]] = []

        done = await rebuild(pool, log, progress=lambda d, t: told.append((d, t)))

        assert done == sum((await log.heads()).values())
        assert told[0] == (0, done)
        assert told[-1] == (done, done)

    async def test_goes_on(self, pool: Pool, log: PostgresEventLog) -> None:
        """After a rebuild the live projection goes on where the rebuild ended."""
        await rebuild(pool, log, progress=ignored)
        await live(log, "9999-01", LIFE)

        await project_all(pool, log)

        assert await differences(pool, log) == []
        assert await value_of(pool, "SELECT count(*) FROM read.orders") == 13

    async def test_ahead_of_live(self, pool: Pool, log: PostgresEventLog) -> None:
        """A rebuild catches up with the log even where the live projection has not."""
        await live(log, "9999-01", LIFE)

        await rebuild(pool, log, progress=ignored)

        known = await OrdersProjector(pool).resume(list(await log.heads()))
        assert known == await log.heads()

    async def test_beside_live(self, pool: Pool, log: PostgresEventLog) -> None:
        """A projection that runs during the rebuild loses nothing."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(20, 40):
                tasks.create_task(live(log, f"{number:04}-01", LIFE))
            tasks.create_task(rebuild(pool, log, progress=ignored))
            tasks.create_task(project_all(pool, log, each=1))

        await project_all(pool, log)

        assert await differences(pool, log) == []

    async def test_same_shape(self, pool: Pool, log: PostgresEventLog) -> None:
        """The tables that take over have the same indexes, options and rights."""
        async with connection(pool) as lent:
            await lent.execute("GRANT SELECT ON read.orders TO pg_monitor")
        before = await shape(pool)

        await rebuild(pool, log, progress=ignored)

        assert await shape(pool) == before

    async def test_one_at_a_time(self, pool: Pool, log: PostgresEventLog) -> None:
        """A second rebuild is refused while the first is under way."""
        async with transaction(pool) as lent:
            await lent.execute("SELECT pg_advisory_xact_lock(hashtext('read.rebuild'))")

            with pytest.raises(ConflictError, match="under way"):
                await rebuild(pool, log, progress=ignored)

    async def test_broken_off(self, pool: Pool, log: PostgresEventLog) -> None:
        """A rebuild that fails changes nothing and can be started again."""
        before = await snapshot(pool)

        def fail(done: int, _: int) -> None:
            if done:
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await rebuild(pool, log, progress=fail)

        assert await snapshot(pool) == before
        await rebuild(pool, log, progress=ignored)

    async def test_parked_stream(self, pool: Pool, log: PostgresEventLog) -> None:
        """A stream that is set aside stays where it was set aside."""
        async with transaction(pool) as lent:
            await lent.execute(
                "INSERT INTO eventlog.parked_streams"
                " (consumer, stream_id, partition, version, reason, attempts)"
                " SELECT 'orders', stream_id, partition, 2, 'test', 3"
                " FROM read.orders WHERE order_id = '0001-01'"
            )

        await rebuild(pool, log, progress=ignored)

        version = "SELECT version FROM read.orders WHERE order_id = '0001-01'"
        assert await value_of(pool, version) == 1

    async def test_held_up(self, pool: Pool, log: PostgresEventLog) -> None:
        """While the last events are caught up with, nobody writes to the live tables."""
        tries: list[bool] = []

        class Trying(Through):
            @override
            async def heads(self) -> Mapping[int, int]:
                tries.append(await can_write(pool))
                return await log.heads()

        await rebuild(pool, Trying(log), progress=ignored)

        assert tries == [True, False]
        assert await can_write(pool)

    async def test_hole(self, pool: Pool, log: PostgresEventLog) -> None:
        """A log that lacks events that its heads promise is refused."""

        class Shortened(Through):
            @override
            async def heads(self) -> Mapping[int, int]:
                return {p: head + 1 for p, head in (await log.heads()).items()}

        with pytest.raises(LogCorruptedError):
            await rebuild(pool, Shortened(log), progress=ignored)


@pytest.mark.usefixtures("history")
class TestDifferences:
    async def test_none(self, pool: Pool, log: PostgresEventLog) -> None:
        """A live read model agrees with the log."""
        assert await differences(pool, log) == []

    async def test_behind(self, pool: Pool, log: PostgresEventLog) -> None:
        """What is not projected yet is no difference."""
        await live(log, "9999-01", LIFE)

        assert await differences(pool, log) == []

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            (
                "UPDATE read.orders SET status = '', stage = 1 WHERE order_id = '0001-01'",
                ": stage, status differ",
            ),
            ("DELETE FROM read.orders WHERE order_id = '0001-01'", ": missing"),
            (
                (
                    "INSERT INTO read.timeline SELECT stream_id, 99, type, title, "
                    "summary, details, occurred_at, recorded_at "
                    "FROM read.timeline LIMIT 1"
                ),
                " 99: not in the log",
            ),
        ],
    )
    async def test_damage(
        self, pool: Pool, log: PostgresEventLog, damage: str, told: str
    ) -> None:
        """Each row that was changed, lost or invented is told."""
        async with transaction(pool) as lent:
            await lent.execute(damage)

        (line,) = await differences(pool, log)

        assert line.endswith(told)

    async def test_leaves_nothing(self, pool: Pool, log: PostgresEventLog) -> None:
        """A comparison changes nothing and may be repeated."""
        before = await snapshot(pool)

        await differences(pool, log)
        await differences(pool, log)

        assert await snapshot(pool) == before
        assert await value_of(pool, "SELECT to_regnamespace('rebuilt')") is None


async def snapshot(pool: Pool) -> object:
    """Return everything in the read model but the count of changes."""
    async with connection(pool) as lent:
        return (
            await lent.fetch(
                "SELECT to_jsonb(o) - 'change' FROM read.orders o ORDER BY stream_id"
            ),
            await lent.fetch("SELECT * FROM read.timeline ORDER BY stream_id, version"),
        )


async def shape(pool: Pool) -> object:
    async with connection(pool) as lent:
        return (
            await lent.fetch(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'read'"
                " ORDER BY 1"
            ),
            await lent.fetch(
                "SELECT relname, reloptions, relacl::text FROM pg_class"
                " WHERE relnamespace = 'read'::regnamespace AND relkind = 'r' ORDER BY 1"
            ),
        )
