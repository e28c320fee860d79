"""The projection of orders: what it writes, and that it writes it once."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson
import pytest

from builders import (
    cancellation_requested,
    courier_status,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    logistics,
    minutes,
    package,
    status_reported,
)
from projected import Projected
from service.db import Pool, connection, transaction
from service.domain.tracking import evolve_tracking
from service.errors import ConflictError, FencedError, UnreadableEventError
from service.eventlog.codec import decode
from service.eventlog.records import Batch, RecordedEvent
from service.project.orders import CONSUMER, OrdersProjector
from service.project.projection import Projected as Folded
from service.project.projection import project
from service.project.rows import tracking_of
from service.project.tables import Tables

pytestmark = pytest.mark.postgres


@pytest.fixture
def world(pool: Pool) -> Projected:
    return Projected(pool)


async def rows(pool: Pool, table: str = "orders") -> Sequence[Mapping[str, object]]:
    async with connection(pool) as lent:
        found = await lent.fetch(f"SELECT * FROM read.{table} ORDER BY 1, 2")  # noqa: S608
    return [dict(row) for row in found]


async def timeline(pool: Pool) -> list[dict[str, Any]]:
    """Return the entries of all orders, each order's in order."""
    return [
        entry
        for row in await rows(pool, "timeline")
        for entry in orjson.loads(str(row["entries"]))
    ]


async def checkpoints(pool: Pool, partition: int) -> int:
    return (await OrdersProjector(pool).resume([partition]))[partition]


async def save(pool: Pool, projected: Folded) -> None:
    async with transaction(pool) as lent:
        await Tables().save(lent, projected)


async def fold(
    pool: Pool, tables: Tables, event: RecordedEvent, *, fail: bool = False
) -> None:
    async with transaction(pool) as lent:
        known = await tables.load(lent, [event])
        await tables.save(lent, project([event], known))
        if fail:
            raise ZeroDivisionError


class TestHandle:
    async def test_row(self, world: Projected, pool: Pool) -> None:
        """An order's row says where it stands after its last fact."""
        await world.tell(
            status_reported("payment-pending", last_change=minutes(0)),
            status_reported("handling", last_change=minutes(1)),
            at=minutes(2),
        )

        (row,) = await rows(pool)
        assert row["account"] == "acme"
        assert row["order_id"] == "1001-01"
        assert row["status"] == "handling"
        assert row["stage"] == 3
        assert row["triggers"] == [
            "order.progress.orderConfirmed",
            "order.progress.paymentApproved",
            "order.progress.handlingShipping",
            "order.progress.deliverToCarrier",
            "order.progress.ship",
        ]
        assert row["courier_state"] == "pending"
        assert row["overlay"] is None
        assert row["version"] == 2
        assert row["updated_at"] == minutes(2)

    async def test_tracking(self, world: Projected, pool: Pool) -> None:
        """What is stored folds on as if it had never left memory."""
        first = details_fetched(
            document(
                "invoiced",
                packages=(package(status=courier_status("Objeto postado")),),
            )
        )
        events = await world.record(first, handling_requested())

        await world.project(events[0])
        await world.project(events[1])

        kept = None
        for event in events:
            kept = evolve_tracking(
                kept, decode(event), version=event.version, at=event.recorded_at
            )
        (row,) = await rows(pool)
        assert tracking_of(str(row["tracking"]), str(row["details"])) == kept

    async def test_details(self, world: Projected, pool: Pool) -> None:
        """The detail view's part holds parcels, totals and the times of the stages."""
        await world.tell(details_fetched(document("invoiced", packages=(package(),))))

        (row,) = await rows(pool)
        details = orjson.loads(str(row["details"]))
        assert row["order_group"] == "1000000000001"
        assert row["channel"] == "delivery"
        assert details["value"] == 1000
        assert details["totals"][0] == {"id": "Items", "value": 900}
        assert details["parcels"][0]["invoice_number"] == "1"
        assert len(details["reached_at"]) == 5

    async def test_ripening(self, world: Projected, pool: Pool) -> None:
        """A pickup order keeps its stage and says when time alone moves it."""
        pickup = logistics(channel="pickup-in-point", estimate=minutes(30))

        await world.tell(details_fetched(document("invoiced", logistics=(pickup,))))

        (row,) = await rows(pool)
        assert row["stage"] == 4
        assert row["ripens_at"] == minutes(30)

    @pytest.mark.parametrize("status", [None, "never-seen-before"])
    async def test_open_vocabulary(
        self, world: Projected, pool: Pool, status: str | None
    ) -> None:
        """A status that is unknown or missing is stored as it is."""
        await world.tell(status_reported(status))

        (row,) = await rows(pool)
        assert row["status"] == status

    async def test_no_stage(self, world: Projected, pool: Pool) -> None:
        """An order without a stage has no triggers either."""
        await world.tell(handling_requested())

        (row,) = await rows(pool)
        assert (row["stage"], row["triggers"]) == (None, None)

    async def test_timeline(self, world: Projected, pool: Pool) -> None:
        """Each fact worth telling has an entry under its version."""
        await world.tell(
            status_reported("handling"), cancellation_requested(), at=minutes(3)
        )

        entries = await timeline(pool)
        assert [(entry["version"], entry["title"]) for entry in entries] == [
            (1, "Status handling"),
            (2, "Cancellation requested"),
        ]
        assert entries[0]["recorded_at"] == "2026-03-02T12:03:00Z"

    async def test_many_orders(self, world: Projected, pool: Pool) -> None:
        """A batch may hold facts of many orders in any mixture."""
        events = []
        for number in range(20):
            events += await world.record(
                status_reported("handling"), order_id=f"{number:04}-01"
            )
        for number in range(20):
            events += await world.record(
                invoice_issued(), order_id=f"{number:04}-01", at=minutes(1)
            )

        await world.project(*events)

        assert {row["version"] for row in await rows(pool)} == {2}
        assert len(await timeline(pool)) == 40

    async def test_empty_batch(self, pool: Pool) -> None:
        """A batch without events still moves the checkpoint."""
        await OrdersProjector(pool).handle(
            Batch(consumer=CONSUMER, events=[], positions={3: 7})
        )

        assert await checkpoints(pool, 3) == 7


class TestOnce:
    async def test_repeated_batch(self, world: Projected, pool: Pool) -> None:
        """A batch that is handed out again changes nothing."""
        events = await world.record(status_reported("handling"), invoice_issued())
        await world.project(*events)
        before = (
            await rows(pool),
            await rows(pool, "timeline"),
            await rows(pool, "heads"),
        )

        await world.project(*events)

        after = (
            await rows(pool),
            await rows(pool, "timeline"),
            await rows(pool, "heads"),
        )
        assert after == before

    async def test_overlapping_batch(self, world: Projected, pool: Pool) -> None:
        """Of a batch that overlaps with an earlier one only the rest is applied."""
        events = await world.record(
            status_reported("handling"),
            status_reported("invoiced", last_change=minutes(1)),
            cancellation_requested(),
        )
        await world.project(*events[:2])

        await world.project(*events[1:])

        (row,) = await rows(pool)
        assert (row["version"], row["status"]) == (3, "invoiced")
        assert [entry["version"] for entry in await timeline(pool)] == [1, 2, 3]

    async def test_fenced(self, world: Projected, pool: Pool) -> None:
        """Who lost its partitions writes neither rows nor a checkpoint."""
        (event,) = await world.record(status_reported("handling"))
        batch = Batch(
            consumer=CONSUMER,
            events=[event],
            positions={event.partition: event.position},
            tokens={0: 1},
        )

        with pytest.raises(FencedError):
            await OrdersProjector(pool).handle(batch)

        assert await rows(pool) == []
        assert await checkpoints(pool, event.partition) == 0

    async def test_stale_writer(self, world: Projected, pool: Pool) -> None:
        """Who folded from an old state does not take a row back to it."""
        events = await world.record(
            status_reported("handling"),
            status_reported("invoiced", last_change=minutes(1)),
        )
        await world.project(*events)
        before = await rows(pool), await rows(pool, "heads")

        async with transaction(pool) as lent:
            await Tables().save(lent, project(events[:1], {}))

        assert (await rows(pool), await rows(pool, "heads")) == before

    async def test_overtaken(self, world: Projected, pool: Pool) -> None:
        """Who folded from another state than the stored one has to fold again."""
        events = await world.record(
            status_reported("payment-pending"), handling_requested(), invoice_issued()
        )
        await world.project(*events[:2])
        before = await rows(pool), await timeline(pool)

        with pytest.raises(ConflictError):
            await save(pool, project(events, {}))

        assert (await rows(pool), await timeline(pool)) == before

    async def test_another_writer(self, world: Projected, pool: Pool) -> None:
        """What another process wrote meanwhile is folded on, not what is remembered."""
        events = await world.record(
            status_reported("payment-pending", last_change=minutes(1)),
            status_reported("handling", last_change=minutes(2)),
            invoice_issued("7"),
        )
        first, second = Tables(), Tables()
        for tables, event in ((first, events[0]), (second, events[1])):
            await fold(pool, tables, event)

        await fold(pool, first, events[2])

        (row,) = await rows(pool)
        assert (row["version"], row["status"]) == (3, "handling")

    async def test_rolled_back(self, world: Projected, pool: Pool) -> None:
        """What was never committed is not remembered as if it was."""
        (event,) = await world.record(status_reported("handling"))
        tables = Tables()
        with pytest.raises(ZeroDivisionError):
            await fold(pool, tables, event, fail=True)

        await fold(pool, tables, event)

        assert len(await rows(pool)) == 1

    async def test_unreadable(self, world: Projected, pool: Pool) -> None:
        """A fact of a newer version stops the projection and writes nothing."""
        known, unknown = await world.record(handling_requested(), handling_requested())

        with pytest.raises(UnreadableEventError):
            await world.project(known, unknown._replace(type="OrderTeleported"))

        assert await rows(pool) == []


class TestChanges:
    async def test_counted(self, world: Projected, pool: Pool) -> None:
        """Each change of an order gets the next number of its partition."""
        events = await world.record(handling_requested(), handling_requested())
        await world.project(events[0])
        (first,) = await rows(pool)

        await world.project(events[1])

        (second,) = await rows(pool)
        (head,) = await rows(pool, "heads")
        assert (first["change"], second["change"]) == (1, 2)
        assert head == {"partition": second["partition"], "head": 2}

    async def test_visible_in_order(self, world: Projected, pool: Pool) -> None:
        """Until a change is committed, no later one of its partition can be."""
        (first,) = await world.record(handling_requested(), order_id="1")
        (second,) = await world.record(handling_requested(), order_id="2")
        second = second._replace(partition=first.partition)
        tables = Tables()
        async with transaction(pool) as earlier, connection(pool) as later:
            await tables.save(earlier, project([first], {}))
            await later.execute("SET lock_timeout = '50ms'")

            with pytest.raises(asyncpg.LockNotAvailableError):
                await tables.save(later, project([second], {}))
