"""What VTEX is known to do wrong, done by the sandbox, and what the intake makes of it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr

from ingest_kit import MemoryQuarantine, statuses
from memory_log import MemoryEventLog
from private_kit import customer_store
from sandbox_kit import bring, invoice_body
from service.config import Account
from service.db import Pool
from service.domain.document import OrderDocument
from service.domain.order import Order as KnownOrder
from service.domain.order import fold
from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.codec import decode
from service.eventlog.records import StreamKey
from service.ingest.configuration import feed_of
from service.ingest.document import DocumentRecorder
from service.ingest.feed import Feed
from service.ingest.intake import Intake
from service.ingest.intervals import next_reading
from service.orders_api.client import OrdersApi
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.calls import START_HANDLING, Call, cancel, invoice
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller
from service.sandbox.orders import Order
from service.sandbox.server import Sandbox, sandbox
from vtex import account_at, orders_api

pytestmark = pytest.mark.postgres

NAME = SANDBOX_STORE.account
CANCEL = {"reason": "no stock"}
ERP = Caller(account=NAME, name="erp")


class Shop:
    """An account of a sandbox that does one thing wrong, and a log that follows it."""

    def __init__(self, running: Sandbox, api: OrdersApi, pool: Pool) -> None:
        assert isinstance(running.clock, ManualClock)
        self.sandbox = running
        self.clock = running.clock
        self.log = MemoryEventLog()
        intake = Intake(
            NAME, log=self.log, quarantine=MemoryQuarantine(), clock=self.clock
        )
        self._feed = Feed.of(api, intake)
        self._recorder = DocumentRecorder(
            {NAME: api},
            log=self.log,
            customers=customer_store(pool, self.clock),
            clock=self.clock,
        )

    async def fail(self, name: str) -> None:
        headers = SANDBOX_STORE.headers()
        async with (
            aiohttp.ClientSession(self.sandbox.url, headers=headers) as session,
            session.post("/sandbox/faults", json={"name": name}) as response,
        ):
            assert response.status == 201

    def place(self, **wish: object) -> Order:
        wished = Wish.model_validate({"fate": "completed"} | wish)
        return self.sandbox.oms.place_order(NAME, wished)

    def bring(self, order: Order, status: str) -> None:
        bring(self.sandbox.oms, self.clock, order, status)

    def do(self, order: Order, call: Call) -> None:
        self.sandbox.oms.carry_out(ERP, order.order_id, call)

    async def read(self, order: Order) -> OrderDocument:
        """Take what the feed has, then read the order."""
        while await self._feed.take_lot():
            pass
        stream = StreamKey(NAME, order.order_id)
        return (await self._recorder.record(stream)).document

    async def known(self, order: Order) -> tuple[KnownOrder, Tracking]:
        """Return what the rules, and what people, are told of the order."""
        recorded = await self.log.read_stream(StreamKey(NAME, order.order_id))
        tracking = None
        for event in recorded:
            tracking = evolve_tracking(
                tracking, decode(event), version=event.version, at=event.recorded_at
            )
        assert tracking is not None
        return fold(decode(event) for event in recorded), tracking


@pytest_asyncio.fixture
async def shop(pool: Pool) -> AsyncIterator[Shop]:
    async with (
        sandbox(seed=7, orders_per_minute=0, desk="none", clock=ManualClock()) as run,
        orders_api(_account(run)) as api,
    ):
        await api.configure_feed(feed_of(_account(run)))
        yield Shop(run, api, pool)


def _account(running: Sandbox) -> Account:
    return account_at(
        running.url,
        name=NAME,
        app_key=SANDBOX_STORE.app_key,
        app_token=SecretStr(SANDBOX_STORE.app_token),
    )


class TestIntake:
    async def test_canceled_twice(self, shop: Shop) -> None:
        """1242813: an order that is cancelled again stays cancelled meanwhile."""
        await shop.fail("KI-1242813")
        order = shop.place()
        shop.bring(order, "payment-pending")
        shop.do(order, cancel(CANCEL))
        shop.bring(order, "canceled")
        await shop.read(order)
        overlays = []
        for _ in range(3):
            await shop.sandbox.advance(60)
            await shop.read(order)
            overlays.append((await shop.known(order))[1].overlay)

        recorded = await shop.log.read_stream(StreamKey(NAME, order.order_id))
        assert statuses(recorded)[-3:] == ["canceled", "cancel", "canceled"]
        assert overlays == ["canceled"] * 3

    async def test_late_reason(self, shop: Shop) -> None:
        """792650: a cancellation without a reason is read again, and has one then."""
        await shop.fail("KI-792650")
        order = shop.place()
        shop.bring(order, "payment-pending")
        shop.do(order, cancel(CANCEL))
        shop.bring(order, "canceled")

        first = await shop.read(order)
        due = next_reading(first, now=shop.clock.now())
        await shop.sandbox.advance(60)
        second = await shop.read(order)

        assert first.cancellation is None or first.cancellation.reason is None
        assert due is not None
        assert (due.at - shop.clock.now()).total_seconds() < 0
        assert second.cancellation is not None
        assert second.cancellation.reason == "no stock"

    async def test_null_status(self, shop: Shop) -> None:
        """680919: an order without a status is incomplete, and is read again."""
        await shop.fail("KI-680919")
        order = shop.place()
        shop.bring(order, "payment-pending")

        document = await shop.read(order)

        known, tracking = await shop.known(order)
        assert (known.status, tracking.overlay) == (None, "incomplete")
        assert next_reading(document, now=shop.clock.now()) is not None

    async def test_invoice_crosses_a_cancellation(self, shop: Shop) -> None:
        """1400005: the sale whose workflow broke shows as in error."""
        await shop.fail("KI-1400005")
        sale = shop.place(flow="marketplace")
        order = shop.sandbox.oms.order(NAME, str(sale.twin))
        shop.bring(order, "ready-for-handling")
        shop.do(order, START_HANDLING)
        shop.bring(order, "handling")
        shop.do(sale, cancel(CANCEL))
        shop.do(order, invoice(invoice_body(order)))
        await shop.sandbox.advance(100)

        await shop.read(sale)

        assert (await shop.known(sale))[1].overlay == "in-error"

    async def test_no_items(self, shop: Shop) -> None:
        """1350336: an order without items is known all the same."""
        await shop.fail("KI-1350336")
        order = shop.place()
        shop.bring(order, "payment-pending")

        document = await shop.read(order)

        known, tracking = await shop.known(order)
        assert document.items == ()
        assert (known.status, tracking.stage is not None) == ("payment-pending", True)
