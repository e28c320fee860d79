"""The whole way back over HTTP: facts, calls, the real client, the sandbox's OMS."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from opentelemetry import trace
from pydantic import HttpUrl, SecretStr

from builders import (
    NOON,
    cancellation_requested,
    checkpoint,
    courier_update_received,
    handling_requested,
    status_reported,
    tracking_number_assigned,
)
from conftest import ManualClock
from react_kit import Desk, DyingQueue, Killed
from sandbox_kit import bring
from service.config import Account
from service.db import Pool
from service.domain.facts import (
    CallParked,
    CallRefused,
    CallSucceeded,
    InvoiceIssued,
    InvoiceItem,
    OrderFact,
)
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate
from service.orders_api.transport import open_session
from service.react.queue import LEASE
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.calls import START_HANDLING, cancel
from service.sandbox.clock import ManualClock as SandboxClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller
from service.sandbox.orders import Order
from service.sandbox.server import Sandbox, sandbox

pytestmark = pytest.mark.postgres

SHOPPER = Caller(account="sandboxstore", name="shopper")


class Shop(Desk):
    """A desk whose OMS is the sandbox."""

    sandbox: Sandbox
    order: Order

    @property
    def stream(self) -> StreamKey:
        return StreamKey("sandboxstore", self.order.order_id)

    def bring(self, status: str) -> None:
        assert isinstance(self.sandbox.clock, SandboxClock)
        bring(self.sandbox.oms, self.sandbox.clock, self.order, status)

    def sell(self) -> Order:
        """Take a seller's order that is being handled; return its sale."""
        oms = self.sandbox.oms
        sale = oms.place_order(
            "sandboxstore", Wish(fate="completed", flow="marketplace")
        )
        self.order = oms.order("sandboxstore", str(sale.twin))
        self.bring("ready-for-handling")
        oms.carry_out(SHOPPER, self.order.order_id, START_HANDLING)
        self.bring("handling")
        return sale

    def ask_to_cancel(self, order: Order) -> None:
        cancelling = cancel({"reason": "changed my mind"})
        self.sandbox.oms.carry_out(SHOPPER, order.order_id, cancelling)

    def invoice(self) -> InvoiceIssued:
        return InvoiceIssued(
            invoice_type="Output",
            invoice_number="1",
            invoice_value=self.order.value,
            issuance_date=NOON,
            items=tuple(
                InvoiceItem(id=item.sku, price=item.price, quantity=item.quantity)
                for item in self.order.items
            ),
        )

    def done(self) -> list[str]:
        """Return what the OMS's ledger says was done on our request."""
        return [
            entry.kind
            for entry in self.sandbox.oms.ledger()
            if entry.by == SANDBOX_STORE.app_key and entry.outcome == "done"
        ]


@pytest_asyncio.fixture
async def shop(
    pool: Pool, log: PostgresEventLog, clock: ManualClock
) -> AsyncIterator[Shop]:
    shop = Shop(pool, log, clock)
    async with (
        sandbox(seed=7, orders_per_minute=0, desk="none", clock=SandboxClock()) as oms,
        open_session() as session,
    ):
        account = Account(
            name="sandboxstore",
            base_url=HttpUrl(oms.url),
            app_key=SANDBOX_STORE.app_key,
            app_token=SecretStr(SANDBOX_STORE.app_token),
        )
        api = OrdersApi(account, session, gate=Gate(per_minute=60_000))
        shop.apis["sandboxstore"] = api
        shop.sandbox = oms
        shop.order = oms.oms.place_order("sandboxstore", Wish(fate="completed"))
        shop.bring("ready-for-handling")
        yield shop


def way(shop: Shop) -> list[OrderFact]:
    return [
        handling_requested(),
        shop.invoice(),
        tracking_number_assigned(),
        courier_update_received(checkpoint()),
    ]


class TestWayBack:
    async def test_reaches_the_oms(self, shop: Shop) -> None:
        """Handling, invoice, tracking number and tracking are done, in order."""
        for fact in way(shop):
            await shop.happen(fact, stream=shop.stream)
            await shop.work()
            await shop.sandbox.advance(5)

        assert shop.done() == [
            "start-handling",
            "invoice",
            "tracking-number",
            "tracking",
        ]
        assert [type(told) for told in await shop.told(shop.stream)] == [
            CallSucceeded
        ] * 4
        assert shop.order.status == "invoiced"

    async def test_lost_answers_are_found_at_the_oms(self, shop: Shop) -> None:
        """Of each call whose answer was lost, a look shows that it was done."""
        dying = DyingQueue(shop.pool, at="record", when="before")
        for fact in way(shop):
            await shop.happen(fact, stream=shop.stream)
            (claimed,) = await shop.claim()
            with pytest.raises(Killed):
                await shop.caller_of(dying, shop.log).make(claimed)
            shop.clock.advance(seconds=LEASE.total_seconds())
            await shop.work()
            await shop.sandbox.advance(5)

        assert shop.done() == [
            "start-handling",
            "invoice",
            "tracking-number",
            "tracking",
        ]
        results = [call.history[0].result for call in await shop.calls(shop.stream)]
        assert results == ["found-done"] * 4

    async def test_a_lost_cancellation_is_not_confirmed(self, shop: Shop) -> None:
        """An asked-for cancellation whose answer was lost is not asked for again."""
        await shop.happen(cancellation_requested(), stream=shop.stream)
        (claimed,) = await shop.claim()
        dying = DyingQueue(shop.pool, at="record", when="before")
        with pytest.raises(Killed):
            await shop.caller_of(dying, shop.log).make(claimed)
        shop.clock.advance(seconds=LEASE.total_seconds())
        await shop.work()

        assert shop.done() == ["cancel"]
        assert shop.order.status == "cancellation-requested"

    async def test_a_cancellation_that_is_asked_for_again_is_confirmed(
        self, shop: Shop
    ) -> None:
        """The second request cancels an order that was being handled."""
        await shop.happen(cancellation_requested(), stream=shop.stream)
        await shop.work()
        await shop.append(status_reported("cancellation-requested"), stream=shop.stream)
        await shop.happen(cancellation_requested(), stream=shop.stream)
        await shop.work()
        await shop.sandbox.advance(60)

        assert shop.done() == ["cancel"] * 2
        assert shop.order.status == "canceled"

    async def test_a_handling_that_somebody_started_is_a_success(
        self, shop: Shop
    ) -> None:
        """OMS003 of an order that is past it counts as done."""
        for _ in range(2):
            await shop.happen(handling_requested(), stream=shop.stream)
        await shop.work()

        told = await shop.told(shop.stream)
        assert [type(fact) for fact in told] == [CallSucceeded] * 2
        assert shop.done() == ["start-handling"]

    async def test_a_refusal_is_told_in_the_oms_s_words(self, shop: Shop) -> None:
        """Tracking without a number is refused, and the log has the reason."""
        await shop.happen(
            shop.invoice(), courier_update_received(checkpoint()), stream=shop.stream
        )
        await shop.work()

        told = (await shop.told(shop.stream))[-1]
        assert isinstance(told, CallRefused)
        assert told.kind == "tracking"
        assert "no tracking number" in told.reason

    @pytest.mark.parametrize("asked_by", ["shopper", "nobody"])
    async def test_an_invoice_does_not_cross_a_cancellation(
        self, shop: Shop, asked_by: str
    ) -> None:
        """A seller's order is not invoiced while its sale is to be cancelled."""
        sale = shop.sell()
        if asked_by == "shopper":
            shop.ask_to_cancel(sale)
        await shop.happen(shop.invoice(), stream=shop.stream)
        await shop.work()

        (told,) = await shop.told(shop.stream)
        assert isinstance(told, CallParked) == (asked_by == "shopper")
        assert (shop.done() == ["invoice"]) == (asked_by == "nobody")

    async def test_is_one_trace(self, shop: Shop) -> None:
        """The OMS sees the trace in which the fact was written."""
        with trace.get_tracer("test").start_as_current_span("request") as span:
            await shop.append(handling_requested(), stream=shop.stream)
        await shop.react()
        await shop.work()

        seen = [entry.trace_id for entry in shop.sandbox.oms.ledger() if entry.trace_id]
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        assert seen == [trace_id]
        (call,) = await shop.calls(shop.stream)
        assert [attempt.trace_id for attempt in call.history] == [trace_id]
