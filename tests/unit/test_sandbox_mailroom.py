"""The mails about an order, its payment, and what is added to it."""

from typing import Any

import orjson
import pytest

from sandbox_kit import bring, invoice_body, tracking_number_body
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.custom_data import (
    CartData,
    NewField,
    Values,
    remove_value,
    set_field,
    set_values,
)
from service.sandbox.document import order_document
from service.sandbox.invention import Wish
from service.sandbox.mailroom import Mailroom
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import CustomData, Order
from service.sandbox.payments import (
    notify_payment,
    payment_id,
    tid,
    transaction_document,
)
from service.sandbox.refusals import NotAllowedError, PaymentUnknownError

COMPLETE = Wish(flow="complete", fate="completed")
SALE = Wish(flow="marketplace", fate="completed")


class Shop:
    """An OMS with one account, its mails, and a hand on the clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.oms = Oms(accounts=["acme"], seed=7, clock=self.clock)
        self.mailroom = Mailroom(self.oms)

    def order(self, wish: Wish = COMPLETE, status: str | None = None) -> Order:
        order = self.oms.place_order("acme", wish)
        if status is not None:
            bring(self.oms, self.clock, order, status)
        return order

    def do(self, order: Order, *made: calls.Call) -> None:
        caller = Caller(account="acme", name="erp")
        for call in made:
            self.oms.carry_out(caller, order.order_id, call)

    def invoiced(self) -> Order:
        order = self.order(status="ready-for-handling")
        self.do(order, calls.START_HANDLING)
        bring(self.oms, self.clock, order, "handling")
        self.do(order, calls.invoice(invoice_body(order)))
        bring(self.oms, self.clock, order, "invoiced")
        return order

    def occasions(self, order: Order) -> list[tuple[str, str]]:
        return [(mail.occasion, mail.detail) for mail in self.mailroom.mails(order)]


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestMails:
    def test_follow_the_order(self, shop: Shop) -> None:
        """A mail each: placed, paid, invoiced, shipped; whatever else happens."""
        order = shop.invoiced()
        shop.do(order, calls.assign_tracking_number("NF1", tracking_number_body()))
        shop.do(order, calls.assign_tracking_number("NF1", tracking_number_body()))

        assert shop.occasions(order) == [
            ("placed", ""),
            ("approved", ""),
            ("invoiced", "NF1"),
            ("shipped", "NF1"),
        ]

    def test_end_with_the_cancellation(self, shop: Shop) -> None:
        """The last mail is that the order was cancelled."""
        order = shop.order(Wish(flow="complete", fate="canceled"), status="canceled")

        assert shop.occasions(order)[-1] == ("canceled", "")
        assert order.order_id in (shop.mailroom.last_message(order) or "")

    def test_are_for_shoppers(self, shop: Shop) -> None:
        """A seller's order has no mails, nor has an incomplete one."""
        sale = shop.order(SALE, status="payment-approved")
        incomplete = shop.order(Wish(flow="complete", incomplete=True))
        assert sale.twin is not None
        seller = shop.oms.order("acme", sale.twin)

        assert shop.occasions(sale)
        assert shop.occasions(seller) == []
        assert shop.mailroom.last_message(incomplete) is None

    def test_are_kept(self, shop: Shop) -> None:
        """What was sent is not sent again after a restart."""
        order = shop.order(status="payment-approved")
        kept = orjson.loads(orjson.dumps(shop.mailroom.changes()))
        again = Mailroom(shop.oms)
        again.restore(kept)
        bring(shop.oms, shop.clock, order, "ready-for-handling")

        assert again.mails(order) == shop.mailroom.mails(order)
        assert shop.mailroom.changes() == {}


class TestTransaction:
    @pytest.mark.parametrize(
        ("order_status", "status"),
        [
            ("order-created", "Started"),
            ("payment-pending", "Authorizing"),
            ("payment-approved", "Approved"),
        ],
    )
    def test_follows_the_order(
        self, shop: Shop, order_status: str, status: str
    ) -> None:
        """The gateway is as far as the order."""
        order = shop.order(status=order_status)

        assert transaction_document(order)["status"] == status

    def test_ends(self, shop: Shop) -> None:
        """An invoiced order is paid, a cancelled one is not."""
        canceled = shop.order(Wish(flow="complete", fate="payment-denied"))
        invoiced = shop.invoiced()
        bring(shop.oms, shop.clock, canceled, "canceled")

        assert transaction_document(invoiced)["status"] == "Finished"
        assert transaction_document(canceled)["status"] == "Canceled"

    def test_has_the_numbers_of_the_order(self, shop: Shop) -> None:
        """The ids by which a list searches are those of the document."""
        order = shop.order()
        document: Any = order_document(order)
        payment = document["paymentData"]["transactions"][0]["payments"][0]

        assert payment["id"] == payment_id(order)
        assert payment["tid"] == tid(order)

    def test_is_not_the_sellers(self, shop: Shop) -> None:
        """A seller's order has no transaction."""
        sale = shop.order(SALE)

        with pytest.raises(PaymentUnknownError):
            transaction_document(shop.oms.order("acme", str(sale.twin)))


class TestPaymentNotification:
    def test_moves_the_order_once(self, shop: Shop) -> None:
        """The order goes on; the same notification again changes nothing."""
        order = shop.order(status="payment-pending")
        shop.do(order, notify_payment(payment_id(order)))
        moves = order.moves
        shop.do(order, notify_payment(payment_id(order)))

        assert order.status == "approve-payment"
        assert order.moves == moves
        assert shop.oms.ledger()[-1].outcome == "repeated"

    def test_needs_the_orders_payment(self, shop: Shop) -> None:
        """Another payment is not known, and nothing happens."""
        order = shop.order(status="payment-pending")

        with pytest.raises(PaymentUnknownError):
            shop.do(order, notify_payment("payment-0"))
        assert order.status == "payment-pending"

    @pytest.mark.parametrize(
        ("wish", "status"),
        [
            (COMPLETE, "order-created"),
            (Wish(flow="complete", fate="canceled"), "canceled"),
        ],
    )
    def test_is_awaited(self, shop: Shop, wish: Wish, status: str) -> None:
        """An order takes no payment before it waits for it, nor after its end."""
        order = shop.order(wish, status=status)

        with pytest.raises(NotAllowedError):
            shop.do(order, notify_payment(payment_id(order)))


class TestCustomData:
    def test_is_in_the_document(self, shop: Shop) -> None:
        """Each app has its fields, the order its own."""
        order = shop.order()
        before = order_document(order)["customData"]
        shop.do(
            order,
            set_values("gift", Values({"from": "Ana", "to": "Rui"})).call(),
            set_values("gift", Values({"to": "Eva"})).call(),
            set_field(NewField(name="po", value="PO1")).call(),
            set_field(NewField(name="po", value="PO2")).call(),
        )
        data: Any = order_document(order)["customData"]

        assert before is None
        assert data["customApps"] == [
            {"id": "gift", "major": 1, "fields": {"from": "Ana", "to": "Eva"}}
        ]
        assert [field["value"] for field in data["customFields"][0]["fields"]] == [
            "PO2"
        ]

    def test_is_removed(self, shop: Shop) -> None:
        """A value goes; one that is not there is not missed."""
        order = shop.order()
        shop.do(
            order,
            set_values("gift", Values({"from": "Ana"})).call(),
            remove_value("gift", "from").call(),
            remove_value("gift", "from").call(),
            remove_value("nothing", "from").call(),
        )

        assert order.custom.apps == {"gift": {}}
        assert shop.oms.ledger()[-1].outcome == "repeated"

    def test_of_a_cart_is_kept(self) -> None:
        """A cart's data outlives the process until it goes over to the order."""
        carts = CartData()
        carts.change("cart-1", set_values("gift", Values({"to": "Rui"})))
        carts.change("cart-1", set_field(NewField(name="po", value="PO1")))
        again = CartData()
        again.restore(orjson.loads(orjson.dumps(carts.changes())))
        taken = again.take("cart-1")

        assert taken == carts.of("cart-1")
        assert again.changes() == {"cart-1": None}
        assert again.take("cart-1") == CustomData()
