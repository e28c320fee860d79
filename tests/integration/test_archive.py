"""Months of closed orders leave the log into files, and come back as they were."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_kit import (
    APRIL,
    CANCELLED,
    DELIVERED,
    LATER,
    MARCH,
    OPEN,
    Shop,
    files_in,
    ignored,
)
from builders import status_reported
from events import stream
from eventually import eventually
from service.db import Pool, transaction
from service.domain.facts import CancellationRequested
from service.domain.order import Order
from service.errors import ConflictError, MonthInUseError
from service.eventlog.archive import (
    check_month,
    detach_month,
    export_month,
    months_before,
)
from service.eventlog.archive_file import read_events, read_manifest
from service.eventlog.store import PostgresEventLog
from service.loading import OrderLoader
from service.project.rebuild import differences, rebuild

pytestmark = pytest.mark.postgres

YEARS_LATER = LATER + timedelta(days=3 * 365)

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
async def shop(pool: Pool, log: PostgresEventLog) -> Shop:
    """Closed orders first seen in March, and some of April between and after them."""
    opened = Shop(pool, log)
    await opened.go_to(MARCH)
    for number in range(6):
        await opened.hear(f"march-{number}", *(CANCELLED if number % 2 else DELIVERED))
    await opened.go_to(APRIL)
    for number in range(6):
        await opened.hear(f"april-{number}", *OPEN)
        await opened.hear(f"march-{number}", status_reported("canceled"))
    await opened.hear("april-0", *CANCELLED)
    await opened.project()
    return opened


async def _waits_for_a_lock(shop: Shop) -> bool:
    return await shop.value(_WAITING) == 1


class TestArchive:
    async def test_takes_the_month_away(self, shop: Shop, tmp_path: Path) -> None:
        """The month's orders are gone everywhere, the others are as they were."""
        exported = await shop.archive(tmp_path)

        assert (exported.manifest.orders, exported.manifest.events) == (6, 21)
        others = {f"april-{number}" for number in range(6)}
        assert await shop.order_ids("eventlog.streams") == others
        assert await shop.order_ids("read.orders") == others
        assert await shop.log.read_stream(stream("march-1")) == []
        assert await shop.value("SELECT to_regclass('eventlog.events_2024_03')") is None

    async def test_file_holds_every_event(self, shop: Shop, tmp_path: Path) -> None:
        """The file holds the orders' events as the log had them."""
        before = await shop.log.read_stream(stream("march-1"))

        path, manifest = await shop.archive(tmp_path)

        held = [event for event, _ in read_events(path, read_manifest(path))]
        assert [e for e in held if e.stream == stream("march-1")] == before
        assert manifest == read_manifest(path)
        stem = path.name.removesuffix(".jsonl.gz")
        assert files_in(tmp_path) == [f"{stem}.jsonl.gz", f"{stem}.manifest.json"]

    async def test_is_told(self, shop: Shop, tmp_path: Path) -> None:
        """What left the log is recorded with its file, when, and by whom."""
        exported = await shop.archive(tmp_path)

        async with transaction(shop.pool) as lent:
            (row,) = await lent.fetch("SELECT * FROM eventlog.archives")
        assert (row["month"], row["file"]) == (MARCH, exported.path.name)
        assert row["archived_by"]
        assert row["restored_at"] is None

    async def test_reads_in_chunks(self, shop: Shop, tmp_path: Path) -> None:
        """A month of more events than a chunk is taken whole, with its progress told."""
        await shop.hear("march-0", *[status_reported("canceled")] * 600)
        await shop.project()
        told: list[tuple[int, int]] = []

        await export_month(
            shop.pool,
            await shop.month(),
            folder=tmp_path,
            now=LATER,
            progress=lambda done, total: told.append((done, total)),
        )

        assert told == [(0, 621), (500, 621), (621, 621)]

    async def test_twice(self, shop: Shop, tmp_path: Path) -> None:
        """A month that is gone is not there to be archived, nor taken away again."""
        exported = await shop.archive(tmp_path)
        after = await shop.rows()

        assert await months_before(shop.pool, APRIL) == []
        with pytest.raises(ConflictError, match="archived already"):
            await detach_month(shop.pool, exported)
        assert await shop.rows() == after

    async def test_dry_run(self, shop: Shop) -> None:
        """A look says nothing where all is well, and changes nothing."""
        before = await shop.rows()

        await check_month(shop.pool, await shop.month(), now=LATER, progress=ignored)

        assert await shop.rows() == before


class TestRefused:
    async def test_open_orders(self, shop: Shop, tmp_path: Path) -> None:
        """Open orders keep their month, are counted and named, and leave no file."""
        await shop.go_to(MARCH)
        for number in range(7):
            await shop.hear(f"open-{number}", *OPEN)
        await shop.project()

        with pytest.raises(MonthInUseError, match=r"7 open orders, such as acme/open-"):
            await shop.export(tmp_path)
        with pytest.raises(MonthInUseError, match="7 open orders"):
            await check_month(
                shop.pool, await shop.month(), now=LATER, progress=ignored
            )
        assert files_in(tmp_path) == []

    async def test_quiet_period(self, shop: Shop, tmp_path: Path) -> None:
        """Finished orders that were heard of within a month are open."""
        with pytest.raises(MonthInUseError, match="6 open orders"):
            await shop.export(tmp_path, now=LATER - timedelta(days=31))

    async def test_silence(self, shop: Shop, tmp_path: Path) -> None:
        """An order that nobody told anything of for a year is closed."""
        await shop.go_to(MARCH)
        await shop.hear("forgotten", *OPEN)
        await shop.project()

        exported = await shop.export(tmp_path, now=LATER + timedelta(days=306))

        assert exported.manifest.orders == 7

    async def test_consumer_behind(self, shop: Shop, tmp_path: Path) -> None:
        """A consumer that has not handled the month's events keeps it."""
        before = await shop.rows()
        async with transaction(shop.pool) as lent:
            await lent.execute(
                "INSERT INTO eventlog.checkpoints VALUES ('relay', 0, 0)"
            )

        with pytest.raises(MonthInUseError, match="relay has not handled position"):
            await shop.archive(tmp_path)

        assert await shop.rows() == before

    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            (
                (
                    "INSERT INTO eventlog.parked_streams"
                    " SELECT 'details', stream_id, partition, 1, 'x', 3"
                    " FROM eventlog.streams WHERE order_id = 'march-1'"
                ),
                "details has set acme/march-1 aside",
            ),
            (
                (
                    "INSERT INTO react.lanes SELECT stream_id, account, now()"
                    " FROM eventlog.streams WHERE order_id = 'march-1'"
                ),
                "acme/march-1 has calls to make",
            ),
        ],
    )
    async def test_unfinished_work(
        self, shop: Shop, tmp_path: Path, statement: str, told: str
    ) -> None:
        """A stream set aside, or a call to make, keeps the month."""
        async with transaction(shop.pool) as lent:
            await lent.execute(statement)

        with pytest.raises(MonthInUseError, match=told):
            await shop.archive(tmp_path)

    async def test_later_event(self, shop: Shop, tmp_path: Path) -> None:
        """An event that came after the export keeps the month, and is in the next one."""
        exported = await shop.export(tmp_path)
        await shop.hear("march-1", status_reported("canceled"))
        await shop.project()
        before = await shop.rows()

        with pytest.raises(ConflictError, match="archive it again"):
            await detach_month(shop.pool, exported)

        assert await shop.rows() == before
        again = await shop.archive(tmp_path)
        assert again.manifest.events == exported.manifest.events + 1
        assert again.path != exported.path

    async def test_unaudited_detachment(self, shop: Shop) -> None:
        """The function that takes a month away refuses without a record of it."""
        async with transaction(shop.pool) as lent:
            with pytest.raises(asyncpg.RestrictViolationError):
                await lent.fetchval(
                    "SELECT eventlog.detach_month($1, '{}', '{}')", MARCH
                )

    async def test_lets_others_write(self, shop: Shop, tmp_path: Path) -> None:
        """While the month's streams are deleted, other orders are appended to."""
        exported = await shop.export(tmp_path)

        async with asyncio.TaskGroup() as tasks, transaction(shop.pool) as lent:
            await lent.execute(
                "SELECT FROM eventlog.streams WHERE order_id = 'march-5' FOR UPDATE"
            )
            detaching = tasks.create_task(detach_month(shop.pool, exported))
            await eventually(lambda: _waits_for_a_lock(shop))
            async with asyncio.timeout(5):
                await shop.hear("april-1", *CANCELLED)
            assert not detaching.done()

        assert await shop.order_ids("eventlog.streams") == {
            f"april-{n}" for n in range(6)
        }

    async def test_while_the_log_is_read_for_long(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        """A long reader is not waited for; nothing has changed and nobody is held up."""
        exported = await shop.export(tmp_path)
        before = await shop.rows()
        async with transaction(shop.pool) as lent:
            await lent.execute("LOCK eventlog.events IN ACCESS SHARE MODE")

            with pytest.raises(ConflictError, match="reads the log for long"):
                await detach_month(shop.pool, exported)

        assert await shop.rows() == before
        await detach_month(shop.pool, exported)


class TestKept:
    async def test_calls_go_with_their_order(self, shop: Shop, tmp_path: Path) -> None:
        """Calls, attempts and customer data of the month are gone, erasures stay known."""
        async with transaction(shop.pool) as lent:
            await lent.execute(_CALL, "march-1")
            await lent.execute(_CALL, "april-1")
            await lent.execute(
                "INSERT INTO private.customer_data VALUES"
                " ('acme', 'march-1', 'k', '', '', now(), NULL),"
                " ('acme', 'march-2', NULL, NULL, NULL, NULL, now()),"
                " ('acme', 'april-1', 'k', '', '', now(), NULL)"
            )

        await shop.archive(tmp_path)

        assert await shop.order_ids("react.calls") == {"april-1"}
        assert await shop.value("SELECT count(*) FROM react.attempts") == 1
        assert await shop.order_ids("private.customer_data") == {"april-1", "march-2"}

    async def test_attempts_are_kept_otherwise(self, shop: Shop) -> None:
        """Without a month that leaves, no attempt can be deleted."""
        async with transaction(shop.pool) as lent:
            await lent.execute(_CALL, "march-1")

        async with transaction(shop.pool) as lent:
            with pytest.raises(asyncpg.RestrictViolationError):
                await lent.execute("DELETE FROM react.attempts")


class TestAfterwards:
    async def test_rebuild(self, shop: Shop, tmp_path: Path) -> None:
        """The read model is what the log makes of it, and a rebuild gives the same."""
        await shop.archive(tmp_path)
        before = await shop.rows()

        assert await differences(shop.pool, shop.log) == []
        await rebuild(shop.pool, shop.log, progress=ignored)

        assert await shop.rows() == before

    async def test_late_fact(self, shop: Shop, tmp_path: Path) -> None:
        """A fact about an archived order starts a stream of its own, from version 1."""
        await shop.archive(tmp_path)

        await shop.hear("march-1", status_reported("canceled"))
        await shop.project()

        (event,) = await shop.log.read_stream(stream("march-1"))
        assert event.version == 1
        assert await differences(shop.pool, shop.log) == []

    async def test_remembered_order(self, shop: Shop, tmp_path: Path) -> None:
        """Who has loaded an order before it is archived loads what is there after."""
        loader = OrderLoader(shop.log)
        before = await loader.load(stream("march-1"))
        await shop.archive(tmp_path)
        gone = await loader.load(stream("march-1"))
        for _ in range(before.version):
            await shop.hear("march-1", status_reported("canceled"))
        reborn = await loader.load(stream("march-1"))

        assert gone == Order()
        assert reborn == await OrderLoader(shop.log).load(stream("march-1")) != before

    async def test_remembered_order_that_is_reborn(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        """An order that got as many events anew is not taken for the one before."""
        loader = OrderLoader(shop.log)
        before = await loader.load(stream("march-1"))
        await shop.archive(tmp_path)
        for _ in range(before.version):
            await shop.hear("march-1", status_reported("canceled"))
        reborn = await loader.load(stream("march-1"))

        assert reborn.version == before.version
        assert reborn == await OrderLoader(shop.log).load(stream("march-1")) != before

    async def test_table_is_as_before(self, shop: Shop, tmp_path: Path) -> None:
        """A restored month has the indexes, triggers and options of every other."""
        before = await shape(shop)
        exported = await shop.archive(tmp_path)

        await shop.restore(exported.path)

        assert await shape(shop) == before


class TestRoundTrip:
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        told=st.lists(
            st.tuples(st.booleans(), st.integers(0, 4), st.text(max_size=20)),
            min_size=1,
            max_size=25,
        )
    )
    async def test_any_orders(
        self,
        told: Sequence[tuple[bool, int, str]],
        pool: Pool,
        log: PostgresEventLog,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        """Whatever the log held, it holds it again, byte by byte, after both ways."""
        shop = Shop(pool, log)
        for is_march, number, text in told:
            await shop.go_to(MARCH if is_march else APRIL)
            reason = text.encode("utf-8", "replace").decode().replace("\0", "")
            await shop.hear(
                f"{'march' if is_march else 'april'}-{number}",
                CancellationRequested(reason=reason, requested_by_user=False),
            )
        await shop.project()
        before = await shop.rows()
        if not await months_before(pool, APRIL):
            return

        path, _ = await shop.archive(tmp_path_factory.mktemp("months"), now=YEARS_LATER)
        assert await differences(pool, log) == []
        await shop.restore(path)

        assert await shop.rows() == before
        assert await differences(pool, log) == []


_CALL = """
    WITH call AS (
        INSERT INTO react.calls (
            call_id, stream_id, account, order_id, cause_version, kind, request, state,
            patience, correlation_id, created_at
        )
        SELECT gen_random_uuid(), stream_id, account, order_id, 1, 'cancel', '{}', 'done',
               '1 day', 'chain-1', now()
        FROM eventlog.streams WHERE order_id = $1
        RETURNING call_id
    )
    INSERT INTO react.attempts (call_id, lease_token, result, started_at, ended_at)
    SELECT call_id, 1, 'done', now(), now() FROM call
"""


async def shape(shop: Shop) -> object:
    async with transaction(shop.pool) as lent:
        return (
            await lent.fetch(
                "SELECT indexname, indexdef FROM pg_indexes"
                " WHERE tablename = 'events_2024_03' ORDER BY 1"
            ),
            await lent.fetch(
                "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger"
                " WHERE tgrelid = 'eventlog.events_2024_03'::regclass ORDER BY 1"
            ),
            await lent.fetch(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'eventlog.events_2024_03'::regclass ORDER BY 1"
            ),
            await lent.fetch(
                "SELECT reloptions, pg_get_expr(relpartbound, oid) FROM pg_class"
                " WHERE oid = 'eventlog.events_2024_03'::regclass"
            ),
        )
