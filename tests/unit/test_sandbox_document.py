"""The order document: complete enough that the service reads all five stages from it."""

import orjson
import pytest

from sandbox_kit import bring, invoice_body, tracking_body, tracking_number_body
from service.domain.document import OrderDocument, normalise
from service.domain.stage import Stage, channel_of, stage_of
from service.domain.statuses import KNOWN_STATUSES
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.document import order_document
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order

ERP = Caller(account="acme", name="erp")


class Shop:
    """An OMS whose orders are read as the service reads them."""

    def __init__(self, wish: Wish) -> None:
        self.clock = ManualClock()
        self.oms = Oms(accounts=["acme"], seed=7, clock=self.clock)
        self.order = self.oms.place_order("acme", wish)

    def bring(self, status: str) -> None:
        bring(self.oms, self.clock, self.order, status)

    def do(self, call: calls.Call) -> None:
        self.oms.carry_out(ERP, self.order.order_id, call)

    def invoice(self) -> None:
        self.bring("ready-for-handling")
        self.do(calls.START_HANDLING)
        self.bring("handling")
        self.do(calls.invoice(invoice_body(self.order)))
        self.bring("invoiced")
        self.do(calls.assign_tracking_number("NF1", tracking_number_body()))

    def read(self) -> OrderDocument:
        return read(self.order)

    def stage(self) -> Stage | None:
        return stage_of(self.read(), self.clock.now())


def read(order: Order) -> OrderDocument:
    return normalise(orjson.loads(orjson.dumps(order_document(order))))


DELIVERY = Wish(channel="delivery", fate="completed")


class TestStages:
    @pytest.mark.parametrize(
        ("status", "number"),
        [
            ("order-created", 1),
            ("on-order-completed", 1),
            ("payment-pending", 2),
            ("approve-payment", 2),
            ("payment-approved", 3),
            ("window-to-cancel", 3),
            ("ready-for-handling", 3),
        ],
    )
    def test_follow_the_status(self, status: str, number: int) -> None:
        """Until the invoice the status gives the stage."""
        shop = Shop(DELIVERY)
        shop.bring(status)

        assert shop.stage() == Stage(number=number, phase="doing", pickup=False)

    def test_of_a_delivery(self) -> None:
        """Invoiced is 4, on its way is 5, and arrived is the end of 5."""
        shop = Shop(DELIVERY)
        shop.invoice()
        invoiced = shop.stage()
        shop.do(calls.report_tracking("NF1", tracking_body()))
        on_its_way = shop.stage()
        shop.do(calls.report_tracking("NF1", tracking_body(isDelivered=True)))

        assert invoiced == Stage(number=4, phase="doing", pickup=False)
        assert on_its_way == Stage(number=5, phase="doing", pickup=False)
        assert shop.stage() == Stage(number=5, phase="done", pickup=False)

    def test_of_a_pickup(self) -> None:
        """A pickup is ready when its estimate has passed, without any call."""
        shop = Shop(Wish(channel="pickup-in-point", pickup_in=600, fate="completed"))
        shop.invoice()
        before = shop.stage()
        shop.clock.advance(600)

        assert before == Stage(number=4, phase="doing", pickup=True)
        assert shop.stage() == Stage(number=5, phase="doing", pickup=True)

    def test_of_a_mixed_order_count_as_delivery(self) -> None:
        """One order may travel both ways."""
        shop = Shop(Wish(channel="mixed", pickup_in=0, fate="completed"))
        before = channel_of(shop.read())
        shop.invoice()

        assert before == "mixed"
        assert shop.stage() == Stage(number=4, phase="doing", pickup=False)


class TestOrderDocument:
    def test_adds_up(self) -> None:
        """The value is the sum of the totals, for every order."""
        oms = Oms(accounts=["acme"], seed=7, clock=ManualClock(), orders_per_minute=0)
        for _ in range(50):
            document = read(oms.place_order())

            assert document.value == sum(total.value for total in document.totals)
            assert [row.item_index for row in document.logistics] == list(
                range(len(document.items))
            )

    def test_knows_no_status_of_its_own(self) -> None:
        """Every status that an order goes through is one of VTEX's."""
        clock = ManualClock()
        oms = Oms(accounts=["acme"], seed=7, clock=clock, orders_per_minute=60)
        clock.advance(300)
        states = {
            str(entry.detail["state"])
            for entry in oms.ledger()
            if entry.kind == "status"
        }

        assert len(states) > 8
        assert states <= KNOWN_STATUSES

    def test_holds_invented_personal_data(self) -> None:
        """Name, e-mail, phone and address are there, so that removing them can be seen."""
        order = Shop(DELIVERY).order
        document = orjson.dumps(order_document(order)).decode()

        shopper = order.shopper
        for private in (
            shopper.first_name,
            "Sandbox",
            shopper.email,
            shopper.phone,
            shopper.document,
            shopper.home.street,
        ):
            assert private in document
        assert shopper.email.endswith("@example.com")

    def test_tells_what_can_still_be_done(self) -> None:
        """The order can be cancelled until it is invoiced."""
        shop = Shop(DELIVERY)
        shop.bring("payment-pending")
        pending = order_document(shop.order)
        shop.invoice()
        invoiced = order_document(shop.order)

        assert (pending["allowCancellation"], pending["isCompleted"]) == (True, False)
        assert (invoiced["allowCancellation"], invoiced["isCompleted"]) == (False, True)
        assert invoiced["authorizedDate"] < invoiced["invoicedDate"]  # type: ignore[operator]  # both are text

    def test_tells_why_it_was_cancelled(self) -> None:
        """Reason, date and who asked are in the document."""
        shop = Shop(Wish(fate="payment-denied"))
        shop.bring("canceled")

        cancellation = shop.read().cancellation
        assert cancellation is not None
        assert (cancellation.by_payment, cancellation.by_user) == (True, False)
        assert cancellation.reason == "Pagamento negado"
        assert cancellation.at is not None

    def test_tells_the_way_of_a_package(self) -> None:
        """What the tracking call said is what the document shows."""
        shop = Shop(DELIVERY)
        shop.invoice()
        shop.do(calls.report_tracking("NF1", tracking_body()))

        [package] = shop.read().packages
        assert package.courier_status is not None
        [checkpoint] = package.courier_status.data
        assert (checkpoint.city, checkpoint.description) == ("Recife", "Em trânsito")
        assert checkpoint.at is not None
        assert checkpoint.at.isoformat() == "2026-03-02T12:30:00+00:00"
