"""Rebuilding the read model from the log, and comparing the two."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import asyncpg
import psutil
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
from service.db import Pool, connection, load_sql, transaction
from service.domain.facts import OrderFact
from service.errors import (
    ConflictError,
    InvalidSettingsError,
    LogCorruptedError,
    UnavailableError,
    UnreadableEventError,
)
from service.eventlog.gaps import Gap
from service.eventlog.records import (
    Append,
    Batch,
    Metadata,
    NewEvent,
    RecordedEvent,
)
from service.eventlog.store import PostgresEventLog
from service.project.filling import Filler, Limits
from service.project.orders import CONSUMER, OrdersProjector
from service.project.rebuild import compare, differences, rebuild
from service.project.workers import workers

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


HOLDING_BACK = """
SELECT count(*) FROM pg_stat_activity
WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
    AND datname = current_database()
"""
"""How many sessions hold vacuum back."""


def ignored(_done: int, _total: int) -> None:
    """Follow no progress."""


def filling() -> list[psutil.Process]:
    """Return the processes that fill the read model for this one."""
    return [
        process
        for process in psutil.Process().children()
        if "service.project.workers" in process.cmdline()
    ]


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

    async def check_gaps(self, gaps: Sequence[Gap]) -> None:
        await self._log.check_gaps(gaps)


async def can_write(pool: Pool) -> bool:
    async with transaction(pool) as lent:
        try:
            await lent.execute("LOCK read.orders IN ROW EXCLUSIVE MODE NOWAIT")
        except asyncpg.LockNotAvailableError:
            return False
    return True


async def spoil(pool: Pool) -> str:
    """Make an event one of a newer version, and return its id."""
    async with transaction(pool) as lent:
        await lent.execute("SET LOCAL session_replication_role = replica")
        event: str = await lent.fetchval(
            "UPDATE eventlog.events SET schema_version = 99 WHERE version = 2"
            " AND stream_id = (SELECT stream_id FROM eventlog.streams LIMIT 1)"
            " RETURNING stream_id || '-' || version"
        )
    return event


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
            await lent.execute("TRUNCATE read.timeline")

        await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before

    async def test_progress(self, pool: Pool, log: PostgresEventLog) -> None:
        """Progress runs from nothing to everything."""
        told: list[tuple[int, int]] = []

        rebuilt = await rebuild(pool, log, progress=lambda d, t: told.append((d, t)))

        done = rebuilt.events
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

    async def test_killed(self, pool: Pool, log: PostgresEventLog) -> None:
        """What a killed rebuild left behind does not disturb the next one."""
        before = await snapshot(pool)
        async with transaction(pool) as lent:
            await lent.execute("SELECT read.begin_rebuild()")
            await lent.execute("INSERT INTO rebuilt.orders SELECT * FROM read.orders")

        await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before
        assert await value_of(pool, "SELECT to_regnamespace('rebuilt')") is None

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

    async def test_dropped_event(self, pool: Pool, log: PostgresEventLog) -> None:
        """An event that was dropped for the read model stays out of it."""
        async with transaction(pool) as lent:
            await lent.execute(
                "INSERT INTO eventlog.dropped_events"
                " (consumer, stream_id, first_version, last_version, reason)"
                " SELECT 'orders', stream_id, 2, 9, 'test'"
                " FROM read.orders WHERE order_id = '0001-01'"
            )

        await rebuild(pool, log, progress=ignored)

        version = "SELECT version FROM read.orders WHERE order_id = '0001-01'"
        assert await value_of(pool, version) == 1

    async def test_set_aside_meanwhile(self, pool: Pool, log: PostgresEventLog) -> None:
        """What is set aside during a rebuild is not brought back by its swap."""

        class Parking(Through):
            @override
            async def heads(self) -> Mapping[int, int]:
                await value_of(
                    pool,
                    "INSERT INTO eventlog.parked_streams"
                    " (consumer, stream_id, partition, version, reason, attempts)"
                    " SELECT 'orders', stream_id, partition, 2, 'test', 3"
                    " FROM read.orders WHERE order_id = '0001-01'"
                    " ON CONFLICT DO NOTHING",
                )
                return await log.heads()

        before = await snapshot(pool)
        with pytest.raises(ConflictError, match="start the rebuild again"):
            await rebuild(pool, Parking(log), progress=ignored)

        assert await snapshot(pool) == before

    async def test_not_held_up(self, pool: Pool, log: PostgresEventLog) -> None:
        """Until the swap, the live tables are read and written as ever."""
        tries: list[bool] = []

        class Trying(Through):
            @override
            async def heads(self) -> Mapping[int, int]:
                tries.append(await can_write(pool))
                return await log.heads()

        await rebuild(pool, Trying(log), progress=ignored)

        *before, during = tries
        assert len(before) > 1
        assert (all(before), during) == (True, False)
        assert await can_write(pool)

    async def test_vacuum(self, pool: Pool, log: PostgresEventLog) -> None:
        """While orders are folded no transaction is open that holds vacuum back."""
        held: list[object] = []

        class Watching(Through):
            @override
            async def heads(self) -> Mapping[int, int]:
                held.append(await value_of(pool, HOLDING_BACK))
                return await log.heads()

        await rebuild(pool, Watching(log), progress=ignored)

        assert set(held[:-1]) == {0}

    async def test_differences_told(self, pool: Pool, log: PostgresEventLog) -> None:
        """What the live tables had otherwise is told, and put right all the same."""
        before = await snapshot(pool)
        async with transaction(pool) as lent:
            await lent.execute(
                "UPDATE read.orders SET status = 'wrong' WHERE order_id = '0001-01'"
            )

        rebuilt = await rebuild(pool, log, progress=ignored)

        (line,) = rebuilt.differences
        assert line.endswith(": status differ")
        assert await snapshot(pool) == before

    async def test_hole(self, pool: Pool, log: PostgresEventLog) -> None:
        """A log that lacks an event that its heads promise is refused by partition."""
        before = await snapshot(pool)
        partition = await value_of(
            pool,
            "UPDATE eventlog.partitions SET head = head + 1"
            " WHERE partition = (SELECT min(partition) FROM eventlog.events)"
            " RETURNING partition",
        )

        with pytest.raises(LogCorruptedError, match=f"Partition {partition} holds"):
            await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before

    async def test_read_side(self, pool: Pool, log: PostgresEventLog) -> None:
        """A read model that is not filled from this log is left alone."""
        await value_of(pool, "UPDATE eventlog.partitions SET head = 0")
        before = await snapshot(pool)
        with pytest.raises(InvalidSettingsError, match="filled from Kafka"):
            await rebuild(pool, log, progress=ignored)

        assert await snapshot(pool) == before

    async def test_unreadable(self, pool: Pool, log: PostgresEventLog) -> None:
        """An event that this version cannot read is named."""
        event = await spoil(pool)

        with pytest.raises(UnreadableEventError, match=event):
            await rebuild(pool, log, progress=ignored)

    async def test_in_use(
        self, pool: Pool, log: PostgresEventLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Live tables that somebody never lets go of are not waited for for ever."""
        monkeypatch.setattr("service.project.rebuild.LOCK_ATTEMPTS", 1)
        monkeypatch.setattr("service.project.rebuild.LOCK_TIMEOUT", "10ms")
        async with transaction(pool) as lent:
            await lent.execute("LOCK read.orders IN ACCESS SHARE MODE")

            with pytest.raises(ConflictError, match="keeps using"):
                await rebuild(pool, log, progress=ignored)


@pytest.mark.usefixtures("history")
class TestWorkers:
    @pytest.fixture(autouse=True)
    def _long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.project.rebuild.LONG", 0)

    async def test_same(self, pool: Pool, log: PostgresEventLog, dsn: str) -> None:
        """What other processes fill is what this one would."""
        before = await snapshot(pool)
        folding = partial(workers, dsn, count=2)

        rebuilt = await rebuild(pool, log, progress=ignored, workers=folding)

        assert rebuilt.differences == []
        assert await snapshot(pool) == before

    async def test_unreadable(
        self, pool: Pool, log: PostgresEventLog, dsn: str
    ) -> None:
        """What they cannot read stops the rebuild, and they end with it."""
        event = await spoil(pool)
        folding = partial(workers, dsn, count=1)

        with pytest.raises(UnreadableEventError, match=event):
            await rebuild(pool, log, progress=ignored, workers=folding)

        assert filling() == []

    async def test_killed(self, pool: Pool, log: PostgresEventLog, dsn: str) -> None:
        """One that is killed stops the rebuild."""

        @contextmanager
        def doomed(limits: Limits) -> Iterator[Sequence[Filler]]:
            with workers(dsn, limits, count=1) as fillers:
                for process in filling():
                    process.kill()
                yield fillers

        with pytest.raises(UnavailableError, match="died"):
            await rebuild(pool, log, progress=ignored, workers=doomed)


@pytest.mark.usefixtures("history")
class TestChanges:
    async def test_counted_on(self, pool: Pool, log: PostgresEventLog) -> None:
        """Who follows changes is told none again, and none that he has not seen is lost."""
        before = await changes(pool)

        await rebuild(pool, log, progress=ignored)

        assert await changes(pool) == before

    async def test_mended(self, pool: Pool, log: PostgresEventLog) -> None:
        """Only an order that stood otherwise gets a new number."""
        before, heads = await changes(pool)
        async with transaction(pool) as lent:
            await lent.execute(
                "UPDATE read.orders SET status = 'wrong' WHERE order_id = '0001-01'"
            )

        await rebuild(pool, log, progress=ignored)

        after, heads_after = await changes(pool)
        partition, _ = before.pop("0001-01")
        told = after.pop("0001-01")
        assert after == before
        assert told == (partition, heads[partition] + 1)
        assert heads_after == heads | {partition: heads[partition] + 1}

    async def test_ahead(self, pool: Pool, log: PostgresEventLog) -> None:
        """Orders that the live projection had not come to are told as its next ones."""
        before, heads = await changes(pool)
        await live(log, "9999-01", LIFE)
        await live(log, "0001-01", [*LIFE, status_reported("canceled")])

        await rebuild(pool, log, progress=ignored)

        after, heads_after = await changes(pool)
        for order_id in ("9999-01", "0001-01"):
            partition, change = after.pop(order_id)
            assert heads.get(partition, 0) < change <= heads_after[partition]
        del before["0001-01"]
        assert after == before

    async def test_during(self, pool: Pool, log: PostgresEventLog) -> None:
        """What was told live during the rebuild keeps the number it was told under."""

        class Busy(Through):
            rounds = iter(range(2))

            @override
            async def heads(self) -> Mapping[int, int]:
                number = next(self.rounds, None)
                if number is not None:
                    await live(log, f"8{number}-01", LIFE)
                    await project_all(pool, log)
                    self.told = await changes(pool)
                return await log.heads()

        busy = Busy(log)
        await rebuild(pool, busy, progress=ignored)

        assert await changes(pool) == busy.told

    async def test_too_many(
        self, pool: Pool, log: PostgresEventLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where too many orders stood otherwise, all cursors are void instead."""
        monkeypatch.setattr("service.project.rebuild.MOST_TOLD", 3)
        horizon = load_sql("service.read", "horizon")
        before = await value_of(pool, horizon.replace("$1", "now()"))
        async with transaction(pool) as lent:
            await lent.execute("UPDATE read.orders SET status = 'wrong'")

        await rebuild(pool, log, progress=ignored)

        assert await value_of(pool, horizon.replace("$1", "now()")) != before
        assert await differences(pool, log) == []


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
                    "INSERT INTO read.timeline SELECT stream_id, 99, entries "
                    "FROM read.timeline LIMIT 1"
                ),
                ": timeline differs",
            ),
            (
                "UPDATE read.orders SET version = 1 WHERE order_id = '0001-01'",
                ": at version 1, not 5",
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

        first = await compare(pool, log, progress=ignored)
        await compare(pool, log, progress=ignored)

        assert first.events == sum((await log.heads()).values())
        assert await snapshot(pool) == before
        assert await value_of(pool, "SELECT to_regnamespace('rebuilt')") is None


async def snapshot(pool: Pool) -> object:
    """Return everything in the read model but the count of changes."""
    async with connection(pool) as lent:
        return (
            await lent.fetch(
                "SELECT to_jsonb(o) - 'change' FROM read.orders o ORDER BY stream_id"
            ),
            await lent.fetch(
                "SELECT stream_id, string_agg(btrim(entries::text, '[]'), ',' ORDER BY"
                " version) FROM read.timeline GROUP BY stream_id ORDER BY stream_id"
            ),
        )


async def changes(pool: Pool) -> tuple[dict[str, tuple[int, int]], dict[int, int]]:
    """Return partition and number of change of each order, and the heads."""
    async with connection(pool) as lent:
        orders = await lent.fetch("SELECT order_id, partition, change FROM read.orders")
        heads = await lent.fetch("SELECT partition, head FROM read.heads")
    return (
        {row["order_id"]: (row["partition"], row["change"]) for row in orders},
        {row["partition"]: row["head"] for row in heads},
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
