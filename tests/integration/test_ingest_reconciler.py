"""Comparing what VTEX lists with what the log knows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import details_fetched, document, item, status_reported
from conftest import ManualClock
from events import new_event
from memory_log import MemoryEventLog
from service.db import Pool
from service.domain.facts import OrderFact
from service.eventlog.records import Append, StreamKey
from service.ingest.reconciler import INDEX_LAG, PAUSE, Reconciler
from service.ingest.reconciliations import LEASE, Reconciliations
from service.ingest.rereads import Rereads
from service.orders_api.client import OrdersApi
from vtex import Reply, ScriptedVtex

pytest_plugins = ("vtex_fixtures",)
pytestmark = pytest.mark.postgres

LIST = "GET /api/oms/pvt/orders"
GROUP = "GET /api/oms/pvt/orders/order-group/{}"
HOUR = timedelta(hours=1)


@pytest.fixture
def events() -> MemoryEventLog:
    return MemoryEventLog(partitions=1)


@pytest.fixture
def reconciler(
    api: OrdersApi, events: MemoryEventLog, pool: Pool, clock: ManualClock
) -> Reconciler:
    # What the log in memory has recorded was a while ago.
    clock.advance(hours=1)
    return Reconciler(
        {"acme": api},
        log=events,
        rereads=Rereads(pool),
        progress=Reconciliations(pool),
        clock=clock,
        every=HOUR,
        look_back=timedelta(days=2),
    )


def row(order_id: str = "1-01", status: str | None = "handling") -> dict[str, Any]:
    return {"orderId": order_id, "status": status, "items": None}


def listing(*rows: object) -> Reply:
    paging = {"total": len(rows), "pages": 1, "currentPage": 1, "perPage": 100}
    return Reply(200, {"list": rows, "paging": paging})


async def known(log: MemoryEventLog, *facts: OrderFact, order_id: str = "1-01") -> None:
    events = [new_event(f"key-{number}", fact) for number, fact in enumerate(facts)]
    await log.append(Append(stream=StreamKey("acme", order_id), events=events))


async def wanted(pool: Pool, clock: ManualClock) -> Sequence[tuple[str, str]]:
    claimed = await Rereads(pool).claim(["acme"], of_each=99, now=clock.at)
    return sorted((each.stream.order_id, each.reason) for each in claimed)


class TestTakeTurn:
    async def test_order_the_log_missed(
        self, vtex: ScriptedVtex, reconciler: Reconciler, pool: Pool, clock: ManualClock
    ) -> None:
        """A listed order that nobody told of is read; odd rows are passed over."""
        vtex.on(LIST, listing(row(), {"orderId": None}, {}, row("2-01", None)))

        tally = await reconciler.take_turn("acme")

        assert tally is not None
        assert (tally.listed, tally.missing, tally.behind) == (2, 2, 0)
        assert await wanted(pool, clock) == [("1-01", "missing"), ("2-01", "missing")]

    async def test_status_the_log_missed(
        self,
        *,
        vtex: ScriptedVtex,
        reconciler: Reconciler,
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> None:
        """An order whose listed status is another for long is read; no status is set."""
        cases: Sequence[tuple[OrderFact, str | None]] = [
            (status_reported("handling"), "handling"),
            (status_reported("payment-pending"), "handling"),
            (details_fetched(document("handling")), "invoiced"),
            (status_reported("payment-pending"), None),
            (status_reported("canceled"), "handling"),
        ]
        for number, (fact, _) in enumerate(cases):
            await known(events, fact, order_id=f"{number}-01")
        before = list(events.events)
        rows = [row(f"{n}-01", listed) for n, (_, listed) in enumerate(cases)]
        vtex.on(LIST, listing(*rows))

        tally = await reconciler.take_turn("acme")

        assert tally is not None
        assert (tally.missing, tally.behind) == (0, 2)
        assert await wanted(pool, clock) == [("1-01", "behind"), ("2-01", "behind")]
        assert events.events == before

    async def test_fresh_difference_is_left(
        self,
        *,
        vtex: ScriptedVtex,
        reconciler: Reconciler,
        events: MemoryEventLog,
        clock: ManualClock,
    ) -> None:
        """What the log has just heard of, the list need not know yet."""
        await known(events, status_reported("payment-pending"))
        clock.at = events.events[-1].recorded_at + timedelta(minutes=10)
        vtex.on(LIST, listing(row()))

        tally = await reconciler.take_turn("acme")

        assert tally is not None
        assert tally.behind == 0

    async def test_other_side_of_a_purchase(
        self,
        *,
        vtex: ScriptedVtex,
        reconciler: Reconciler,
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> None:
        """Where the log knows one order of two, VTEX is asked for the other, once."""
        cases: Sequence[dict[str, object]] = [
            {"origin": "Fulfillment"},
            {"origin": "Marketplace", "items": (item(seller="shop"),)},
            {"origin": "Fulfillment", "marketplace_order_id": "2-01"},
            {"origin": "Marketplace"},
            {"origin": "Fulfillment", "order_group": None},
            {"origin": "Fulfillment", "order_group": "unknown"},
        ]
        for number, changes in enumerate(cases):
            group, other = f"g{number}", f"M{number}-01"
            purchase = {"order_group": group, "marketplace_order_id": other}
            created = {"creation_date": clock.at - timedelta(hours=3)}
            one = document().model_copy(update=purchase | created | changes)
            await known(events, details_fetched(one), order_id=f"{number}-01")
            members = [row(f"{number}-01"), row(other)]
            vtex.on(GROUP.format(group), Reply(200, members))
        vtex.on(LIST, listing(*(row(f"{n}-01") for n in range(len(cases)))))

        await reconciler.take_turn("acme")
        clock.advance(hours=1)
        await reconciler.take_turn("acme")

        found = [("M0-01", "twin missing"), ("M1-01", "twin missing")]
        assert await wanted(pool, clock) == found
        asked = [asked.path.rpartition("/")[2] for asked in vtex.asked]
        assert sorted(asked) == ["g0", "g1", "orders", "orders", "unknown"]

    async def test_known_purchase_is_not_asked_for(
        self,
        *,
        vtex: ScriptedVtex,
        reconciler: Reconciler,
        events: MemoryEventLog,
        clock: ManualClock,
    ) -> None:
        """Where the log knows both sides, nothing is asked."""
        seller = document().model_copy(
            update={"marketplace_order_id": "M-01", "creation_date": clock.at}
        )
        await known(events, details_fetched(seller))
        await known(events, status_reported(), order_id="M-01")
        vtex.on(LIST, listing(row()))

        await reconciler.take_turn("acme")

        assert {asked.path for asked in vtex.asked} == {"/api/oms/pvt/orders"}


class TestProgress:
    async def test_waits_for_its_time(
        self, vtex: ScriptedVtex, reconciler: Reconciler, clock: ManualClock
    ) -> None:
        """After a comparison the next one begins an interval later."""
        vtex.on(LIST, listing())

        assert await reconciler.take_turn("acme") is not None
        assert await reconciler.take_turn("acme") is None
        clock.advance(hours=1)
        assert await reconciler.take_turn("acme") is not None

    async def test_goes_on_where_it_broke_off(
        self, vtex: ScriptedVtex, reconciler: Reconciler, pool: Pool, clock: ManualClock
    ) -> None:
        """What was compared before VTEX went away is not compared again."""
        split = Reply(200, {"list": [], "paging": {"total": 3001, "pages": 31}})
        vtex.on(LIST, split, listing(row()), Reply(500))
        window = clock.at - timedelta(days=2), clock.at
        assert await reconciler.take_turn("acme") is None
        assert await reconciler.take_turn("acme") is None
        clock.advance(seconds=PAUSE.total_seconds())

        left = await Reconciliations(pool).claim("acme", now=clock.at)

        middle = window[0] + (window[1] - window[0]) / 2 - INDEX_LAG
        assert left is not None
        assert left.done_until == middle
        assert left.finished_until is None

    async def test_one_process_at_a_time(self, pool: Pool, clock: ManualClock) -> None:
        """An account is compared by one process; who died over it is replaced."""
        progress = Reconciliations(pool)

        first = await progress.claim("acme", now=clock.at)
        assert first is not None
        assert await progress.claim("acme", now=clock.at) is None
        assert await progress.claim("globex", now=clock.at) is not None
        later: datetime = clock.at + LEASE
        assert await progress.claim("acme", now=later) is not None
