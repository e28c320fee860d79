"""Invoices look at their order before they are sent."""

import pytest

from builders import (
    cancellation_requested,
    details_fetched,
    document,
    invoice_issued,
    status_reported,
    tracking_number_assigned,
)
from conftest import ManualClock
from fake_oms import ORDER, FakeOms
from react_kit import Desk
from service.db import Pool
from service.domain.facts import CallParked, CallRefused
from service.eventlog.store import PostgresEventLog
from service.react.queue import replay

pytestmark = pytest.mark.postgres

SALE = "1001-00"


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


@pytest.fixture
def oms(desk: Desk) -> FakeOms:
    return desk.oms


def sell(oms: FakeOms, **sale: object) -> None:
    """Make the order a seller's, of a sale that looks like *sale*."""
    oms.order().update(origin="Fulfillment", marketplaceOrderId=SALE)
    oms.order(SALE).update(sale)


class TestInvoice:
    async def test_of_an_order_that_is_being_cancelled(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """It is not sent, and its tracking neither; the log has the reason."""
        oms.order()["status"] = "cancellation-requested"
        await desk.happen(invoice_issued(), tracking_number_assigned())

        await desk.work()

        invoice, tracking = await desk.told()
        assert isinstance(invoice, CallParked)
        assert isinstance(tracking, CallParked)
        assert "replay" in invoice.reason
        assert oms.ledger == []
        assert [a.result for a in (await desk.call("invoice")).history] == ["hindered"]

    async def test_that_a_person_replays(self, desk: Desk, oms: FakeOms) -> None:
        """It is sent whatever the order looks like."""
        oms.order()["status"] = "cancellation-requested"
        await desk.happen(invoice_issued())
        await desk.work()

        call = await desk.call("invoice")
        await replay(desk.pool, call.call_id, now=desk.clock.now())
        await desk.work()

        assert oms.done("invoice") == 1

    async def test_that_is_to_refuse_the_cancellation(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """It is sent when the cancellation was known before it was issued."""
        oms.order()["status"] = "cancellation-requested"
        await desk.happen(status_reported("cancellation-requested"), invoice_issued())

        await desk.work()

        assert oms.done("invoice") == 1

    async def test_of_a_sale_without_payment(self, desk: Desk, oms: FakeOms) -> None:
        """It waits until the payment is settled."""
        sell(oms, status="payment-pending", isCompleted=False)
        await desk.happen(invoice_issued())

        await desk.work()
        waiting = await desk.call("invoice")
        oms.order(SALE)["isCompleted"] = True
        desk.clock.advance(minutes=5)
        await desk.work()

        assert (waiting.state, waiting.attempts) == ("pending", 0)
        assert oms.ledger == [(ORDER.order_id, "invoice")]

    async def test_of_a_sale_that_stays_without_payment(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """It is given up after a day."""
        sell(oms, status="payment-pending", isCompleted=False)
        await desk.happen(invoice_issued())
        await desk.work()

        desk.clock.advance(hours=23, minutes=58)
        await desk.work()

        assert (await desk.call("invoice")).state == "parked"

    async def test_of_an_order_that_was_changed(self, desk: Desk, oms: FakeOms) -> None:
        """It is refused when the order is worth less by now; the number is free."""
        oms.order()["value"] = 999
        await desk.happen(invoice_issued(value=1000))
        await desk.work()

        await desk.happen(invoice_issued(value=999))
        await desk.work()

        (refused, _) = await desk.told()
        assert isinstance(refused, CallRefused)
        assert "999" in refused.reason
        assert oms.done("invoice") == 1

    async def test_that_is_there_already(self, desk: Desk, oms: FakeOms) -> None:
        """It is not sent a second time."""
        oms.packages().append({"invoiceNumber": "1"})
        await desk.happen(invoice_issued())

        await desk.work()

        assert [kind for _, kind in oms.asked] == ["get"]
        assert (await desk.call("invoice")).state == "done"


class TestCancellation:
    async def test_is_confirmed_when_asked_for_again(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """VTEX waits for a second wish, which is sent even after a look."""
        oms.order()["status"] = "cancellation-requested"
        waiting = details_fetched(document("cancellation-requested"))
        await desk.append(waiting, cancellation_requested())
        await desk.react()

        await desk.work()

        assert oms.done("cancel") == 1
        assert (await desk.call("cancel")).request.confirms_cancellation
