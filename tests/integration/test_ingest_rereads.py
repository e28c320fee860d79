"""Reading orders at VTEX again when it is time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from builders import call_succeeded, status_reported
from conftest import ManualClock
from events import new_event
from ingest_kit import MemoryQuarantine, statuses
from memory_log import MemoryEventLog
from private_kit import customer_store
from service.db import Pool
from service.domain.facts import OrderDetailsFetched, OrderFact
from service.errors import FencedError
from service.eventlog.codec import decode
from service.eventlog.records import Append, Batch, StreamKey
from service.ingest.details import DetailsFetcher
from service.ingest.intervals import Due
from service.ingest.reading import OrderReader
from service.ingest.rereader import Rereader
from service.ingest.rereads import LEASE, ClaimedReread, Rereads
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate, Urgency
from vtex import Reply, ScriptedVtex, account_at, orders_api

pytest_plugins = ("vtex_fixtures",)
pytestmark = pytest.mark.postgres

ORDER = StreamKey("acme", "1-01")
NOW = "2026-03-01T12:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What reads the orders of an account again, with a VTEX and a log of its own."""

    vtex: ScriptedVtex
    api: OrdersApi
    log: MemoryEventLog
    quarantine: MemoryQuarantine
    rereads: Rereads
    fetcher: DetailsFetcher
    rereader: Rereader
    clock: ManualClock

    def answers(self, *replies: Reply) -> None:
        self.vtex.on("GET /api/oms/pvt/orders/1-01", *replies)

    async def happens(self, fact: OrderFact) -> Batch:
        """Return the batch that tells what happened to the order."""
        known = len(self.log.events)
        event = new_event(f"given-{known}", fact)
        await self.log.append(Append(stream=ORDER, events=[event]))
        events = self.log.events[known:]
        return Batch(
            consumer="details", events=events, positions={0: events[-1].position}
        )

    async def hears(self, fact: OrderFact) -> None:
        await self.fetcher.handle(await self.happens(fact))

    async def want(self, reason: str = "why") -> None:
        await self.rereads.want(ORDER, at=self.clock.at, reason=reason)

    async def take_due(self) -> int:
        return await self.rereader.take_due("acme")

    async def claim(self, **within: float) -> list[ClaimedReread]:
        return await claim(self.rereads, self.clock.at + timedelta(**within))

    def documents(self) -> list[str | None]:
        facts = map(decode, self.log.events)
        return [f.document.status for f in facts if isinstance(f, OrderDetailsFetched)]


@pytest.fixture
def rereads(pool: Pool) -> Rereads:
    return Rereads(pool)


@pytest_asyncio.fixture
async def watch(
    *,
    vtex: ScriptedVtex,
    api: OrdersApi,
    pool: Pool,
    rereads: Rereads,
    clock: ManualClock,
) -> AsyncIterator[Watch]:
    log, quarantine = MemoryEventLog(partitions=1), MemoryQuarantine()
    reader = OrderReader(
        {"acme": api},
        log=log,
        quarantine=quarantine,
        customers=customer_store(pool, clock),
        clock=clock,
    )
    async with DetailsFetcher(reader, pool=pool, clock=clock, patience=10) as fetcher:
        yield Watch(
            vtex=vtex,
            api=api,
            log=log,
            quarantine=quarantine,
            rereads=rereads,
            fetcher=fetcher,
            rereader=Rereader(reader, rereads, apis={"acme": api}, clock=clock),
            clock=clock,
        )


def order(status: str | None = "handling", **more: Any) -> Reply:
    known = {"orderId": "1-01", "status": status, "lastChange": NOW, "origin": "x"}
    return Reply(200, known | more)


async def claim(rereads: Rereads, at: datetime) -> list[ClaimedReread]:
    claimed = await rereads.claim(["acme"], of_each=10, now=at)
    return sorted(claimed, key=lambda each: each.stream)


class TestWant:
    async def test_due_when_wished(self, rereads: Rereads, clock: ManualClock) -> None:
        """An order is handed out at its time, not before, and to one reader only."""
        await rereads.want(ORDER, at=clock.at + timedelta(minutes=1), reason="why")

        assert await claim(rereads, clock.at) == []
        (claimed,) = await claim(rereads, clock.at + timedelta(minutes=1))
        assert (claimed.stream, claimed.reason, claimed.failures) == (ORDER, "why", 0)
        assert await claim(rereads, clock.at + timedelta(minutes=2)) == []

    async def test_the_earlier_wish_stands(
        self, rereads: Rereads, clock: ManualClock
    ) -> None:
        """A wish for later takes nothing from one for sooner, whichever came first."""
        for hours, reason in ((2, "second"), (1, "first"), (3, "third")):
            at = clock.at + timedelta(hours=hours)
            await rereads.want(ORDER, at=at, reason=reason)

        (claimed,) = await claim(rereads, clock.at + timedelta(hours=1))
        assert claimed.reason == "first"

    async def test_other_accounts_are_left(
        self, rereads: Rereads, clock: ManualClock
    ) -> None:
        """Who serves one account gets none of another's orders."""
        await rereads.want(StreamKey("globex", "1"), at=clock.at, reason="why")

        assert await claim(rereads, clock.at) == []

    async def test_wish_while_it_is_read(
        self, rereads: Rereads, clock: ManualClock
    ) -> None:
        """A wish that comes during a reading is for another one after it."""
        await rereads.want(ORDER, at=clock.at, reason="first")
        (claimed,) = await claim(rereads, clock.at)
        await rereads.want(ORDER, at=clock.at, reason="second")
        await rereads.settle(claimed, next_=None)

        (again,) = await claim(rereads, clock.at)
        assert again.reason == "second"

    async def test_settled_is_gone(self, rereads: Rereads, clock: ManualClock) -> None:
        """Of an order that nobody wants any more nothing is left."""
        await rereads.want(ORDER, at=clock.at, reason="why")
        (claimed,) = await claim(rereads, clock.at)
        await rereads.settle(claimed, next_=None)

        assert await claim(rereads, clock.at + timedelta(days=99)) == []
        assert await rereads.backlog(clock.at) == []

    async def test_reader_that_died(self, rereads: Rereads, clock: ManualClock) -> None:
        """What somebody took and never gave back is handed out again, once."""
        await rereads.want(ORDER, at=clock.at, reason="why")
        (lost,) = await claim(rereads, clock.at)
        later = clock.at + LEASE

        (claimed,) = await claim(rereads, later)
        await rereads.settle(lost, next_=Due(clock.at, "too late"), failures=7)
        await rereads.settle(claimed, next_=Due(later, "next"), failures=1)

        (again,) = await claim(rereads, later)
        assert (again.reason, again.failures) == ("next", 1)

    async def test_many_readers_share(
        self, rereads: Rereads, clock: ManualClock
    ) -> None:
        """Readers side by side get each order once, whatever comes first."""
        for number in range(40):
            stream = StreamKey("acme", f"{number}-01")
            await rereads.want(stream, at=clock.at, reason="why")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(claim(rereads, clock.at)) for _ in range(6)]

        taken = [claimed.stream for task in tasks for claimed in task.result()]
        assert len(taken) == len(set(taken)) == 40


class TestWhoWants:
    async def test_what_happened_asks_for_more(self, watch: Watch) -> None:
        """With the position in the log it is noted when to read the order again."""
        cases: Sequence[tuple[Reply, OrderFact, str, float]] = [
            (order("invoiced"), status_reported(), "undelivered", 5 * 3600),
            (order("canceled"), status_reported(), "cancellation unexplained", 12),
            (order(None), status_reported(), "odd status", 72),
            (order("tomorrow's"), status_reported(), "odd status", 72),
            (Reply(200, {}), status_reported(), "set aside", 60),
            (order(), call_succeeded("start-handling"), "handling started", 60),
            (order(), call_succeeded("invoice"), "invoiced", 120),
            (Reply(401, {}), status_reported(), "locked out", 60),
        ]
        for reply, fact, reason, within in cases:
            watch.answers(reply)

            await watch.hears(fact)

            (claimed,) = await watch.claim(seconds=within)
            assert (claimed.stream, claimed.reason) == (ORDER, reason)
            await watch.rereads.settle(claimed, next_=None)

    async def test_invoice_asks_for_both_orders(self, watch: Watch) -> None:
        """After an invoice the marketplace's order is looked at as well."""
        watch.answers(order("invoiced", marketplaceOrderId="M-01"))

        await watch.hears(call_succeeded("invoice"))

        claimed = await watch.claim(minutes=2)
        assert [each.stream.order_id for each in claimed] == ["1-01", "M-01"]

    async def test_unknown_to_vtex(self, watch: Watch) -> None:
        """An order that VTEX does not have is not asked for again."""
        await watch.hears(status_reported())

        assert await watch.claim(days=99) == []

    async def test_fenced_process_wishes_nothing(self, watch: Watch) -> None:
        """Wishes and position are one: who may not save one leaves the other as well."""
        watch.answers(order("invoiced"))
        given = await watch.happens(status_reported())
        stale = Batch(
            consumer="details", events=given.events, positions={0: 1}, tokens={0: 7}
        )

        with pytest.raises(FencedError):
            await watch.fetcher.handle(stale)

        assert await watch.claim(days=99) == []


class TestTakeDue:
    async def test_unheard_change(self, watch: Watch) -> None:
        """A change that nobody told of enters the log, and the next look is planned."""
        await watch.happens(status_reported("payment-pending"))
        watch.answers(order("invoiced"))
        await watch.want()

        assert await watch.take_due() == 1

        assert watch.documents() == ["invoiced"]
        (claimed,) = await watch.claim(hours=5)
        assert claimed.reason == "undelivered"

    async def test_unchanged_order(self, watch: Watch) -> None:
        """However often an order is read, the same document is recorded once."""
        await watch.happens(status_reported())
        watch.answers(order())

        for _ in range(3):
            await watch.want()
            await watch.take_due()

        assert watch.documents() == ["handling"]
        assert len(watch.vtex.asked) == 3

    async def test_order_never_heard_of(self, watch: Watch) -> None:
        """An order that the log missed gets its stream, its status and its document."""
        watch.answers(order("payment-approved"))
        await watch.want("missing")

        await watch.take_due()

        assert statuses(watch.log.events) == ["payment-approved"]
        assert watch.documents() == ["payment-approved"]
        assert '"source":"reconciler"' in watch.log.events[0].data
        assert len(watch.vtex.asked) == 1

    async def test_order_that_does_not_exist(self, watch: Watch) -> None:
        """An order that VTEX does not have is dropped, and makes no stream."""
        await watch.want()

        assert await watch.take_due() == 1

        watch.clock.advance(days=99)
        assert await watch.take_due() == 0
        assert watch.log.events == []

    async def test_odd_answer_is_retried(self, watch: Watch) -> None:
        """What VTEX gives instead of an order is kept, and the order read later."""
        await watch.happens(status_reported())
        watch.answers(Reply(200, []), Reply(200, []), order())
        await watch.want()

        for minutes in (0, 1, 10):
            watch.clock.advance(minutes=minutes)
            assert await watch.take_due() == 1

        assert [kept.order_id for kept in watch.quarantine.kept] == ["1-01", "1-01"]
        assert watch.documents() == ["handling"]

    async def test_order_that_stays_unreadable(self, watch: Watch) -> None:
        """In the end it is left to a person."""
        watch.answers(Reply(200, []))
        await watch.want()

        taken = 0
        for _ in range(99):
            taken += await watch.take_due()
            watch.clock.advance(days=1)

        assert taken == 8

    async def test_vtex_away(self, watch: Watch) -> None:
        """While VTEX gives nothing to anybody, no order's patience is used up."""
        await watch.want()

        for reply in [Reply(500)] * 20 + [Reply(403, {})] * 20:
            watch.answers(reply)
            await watch.take_due()
            watch.clock.advance(minutes=10)

        (claimed,) = await watch.claim()
        assert (claimed.reason, claimed.failures) == ("why", 0)

    async def test_held_account_is_left_alone(self, watch: Watch) -> None:
        """While VTEX makes an account wait, nothing is taken up."""
        await watch.api.gate.hold(60)
        await watch.want()

        assert await watch.take_due() == 0

    async def test_leaves_most_of_the_rate_to_others(self, vtex: ScriptedVtex) -> None:
        """A client for upkeep passes the same gate, and takes its share at most."""
        vtex.on("GET /api/oms/pvt/orders/1-01", order())
        hours = [0.0]

        async def sleep(seconds: float) -> None:
            hours[0] += seconds

        gate = Gate(per_minute=60, monotonic=lambda: hours[0], sleep=sleep)
        async with orders_api(account_at(vtex.url), gate=gate) as client:
            upkeep = client.at(Urgency.UPKEEP)
            for _ in range(3):
                await upkeep.get_order("1-01")
            assert hours[0] == pytest.approx(10)
            await upkeep.gate.hold(60)
            assert client.gate.held_for == pytest.approx(60)
