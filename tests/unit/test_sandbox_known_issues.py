"""Known issues of VTEX's OMS, each as the sandbox reproduces it when it is told to."""

from typing import Any

import pytest

from sandbox_kit import Body, OneOrderShop, invoice_body
from service.sandbox import calls
from service.sandbox.checkout import Checkout
from service.sandbox.document import order_document
from service.sandbox.orders import Order
from service.sandbox.refusals import WorkflowBrokenError

CANCEL: Body = {"reason": "no stock"}


class Shop(OneOrderShop):
    """Lets one thing always go wrong."""

    @property
    def document(self) -> Any:
        return order_document(self.order)

    def wait(self, seconds: float = 100.0) -> None:
        self.clock.advance(seconds)
        self.oms.advance()

    def invoice(self, order: Order, **changes: object) -> None:
        self.do(calls.invoice(invoice_body(order) | changes), order)


class TestStatuses:
    def test_canceled_twice(self) -> None:
        """KI-1242813: canceled falls back to cancel, and is canceled again."""
        shop = Shop("KI-1242813")
        shop.bring("payment-pending")
        shop.do(calls.cancel(CANCEL))
        shop.wait()

        assert shop.states()[-4:] == ["cancel", "canceled", "cancel", "canceled"]

    def test_late_reason(self) -> None:
        """KI-792650: the reason is missing for seconds, and then an update tells it."""
        shop = Shop("KI-792650")
        shop.bring("payment-pending")
        shop.do(calls.cancel(CANCEL))
        shop.bring("canceled")
        first = shop.document
        told: list[str] = []
        shop.oms.watch(lambda order, _: told.append(order.status))
        shop.wait(10)

        assert (first["cancelReason"], first["cancellationData"]) == (None, None)
        assert shop.document["cancelReason"] == "no stock"
        assert told == ["canceled"]

    def test_overwritten_canceller(self) -> None:
        """KI-1249934: in the end the system has cancelled it, whoever did."""
        shop = Shop("KI-1249934")
        shop.bring("payment-pending")
        shop.do(calls.cancel({"reason": "mine", "requestedByUser": True}))
        first = shop.document["cancellationData"]["RequestedByUser"]
        shop.bring("canceled")
        data = shop.document["cancellationData"]

        assert first is True
        assert (data["RequestedByUser"], data["RequestedBySystem"]) == (False, True)

    def test_null_status(self) -> None:
        """KI-680919: the document has no status, though the order is in one."""
        shop = Shop("KI-680919")
        shop.bring("payment-pending")

        assert shop.document["status"] is None

    @pytest.mark.parametrize(
        ("fault", "wish", "status"),
        [
            ("KI-1218615", {}, "on-order-completed"),
            ("KI-1218615", {"flow": "seller"}, "on-order-completed-ffm"),
            ("KI-1031035", {}, "payment-pending"),
            ("KI-1089344", {"fate": "create-error"}, "cancel"),
        ],
    )
    def test_stuck_for_ever(
        self, fault: str, wish: dict[str, object], status: str
    ) -> None:
        """The order does not go on by itself, and nobody is told."""
        shop = Shop(fault, **wish)
        shop.wait(90 * 86_400)

        assert shop.order.status == status

    def test_stuck_in_start_handling(self) -> None:
        """KI-1218606: the order stays in start-handling, and every call fails."""
        shop = Shop("KI-1218606")
        shop.bring("ready-for-handling")
        shop.do(calls.START_HANDLING)
        shop.wait()

        assert shop.document["workflowIsInError"] is True
        with pytest.raises(WorkflowBrokenError):
            shop.do(calls.START_HANDLING)
        with pytest.raises(WorkflowBrokenError):
            shop.invoice(shop.order)
        with pytest.raises(WorkflowBrokenError):
            shop.do(calls.cancel(CANCEL))

    def test_capture_fails(self) -> None:
        """KI-376646: the sale stays in invoice, the seller's order is invoiced."""
        shop = Shop("KI-376646", flow="marketplace")
        shop.handle(shop.twin)
        shop.invoice(shop.twin)
        shop.wait()

        assert (shop.order.status, shop.twin.status) == ("invoice", "invoiced")


class TestTwins:
    def test_seller_stuck_in_cancel(self) -> None:
        """KI-1198719: the sale is canceled, the seller's order stays in cancel."""
        shop = Shop("KI-1198719", flow="marketplace")
        shop.bring("payment-pending")
        shop.do(calls.cancel(CANCEL))
        shop.wait()

        assert (shop.order.status, shop.twin.status) == ("canceled", "cancel")

    def test_invoice_crosses_a_cancellation(self) -> None:
        """KI-1400005: the sale stays in request-cancel with an error, all invoiced."""
        shop = Shop("KI-1400005", flow="marketplace")
        shop.handle(shop.twin)
        shop.do(calls.cancel(CANCEL))
        shop.invoice(shop.twin)
        shop.wait()

        assert (shop.order.status, shop.twin.status) == ("request-cancel", "invoiced")
        assert shop.document["workflowIsInError"] is True

    def test_seller_denies_its_own_request(self) -> None:
        """KI-1004978: who asked for it himself and denies it is stuck."""
        shop = Shop("KI-1004978", flow="seller")
        shop.handle(shop.order)
        shop.do(calls.cancel(CANCEL))
        request = {"cancellationRequestId": shop.order.requests[0].request_id}
        shop.do(calls.deny_cancellation(request))
        shop.wait()

        assert shop.order.status == "cancellation-request-denied-ffm"

    def test_sale_never_invoiced(self) -> None:
        """KI-1372902: the seller's order is invoiced, the sale stays payment-approved."""
        shop = Shop("KI-1372902", flow="marketplace")
        shop.handle(shop.twin)
        shop.invoice(shop.twin)
        shop.wait()

        assert (shop.order.status, shop.twin.status) == (
            "payment-approved",
            "invoiced",
        )
        assert shop.order.invoiced_value == shop.order.value

    def test_seller_goes_on_alone(self) -> None:
        """KI-345526: the seller's order begins though the sale is incomplete."""
        shop = Shop("KI-345526", flow="marketplace", incomplete=True)
        shop.wait()

        assert shop.order.is_incomplete
        assert shop.twin.status == "ready-for-handling"

    def test_partial_invoice_moves_the_authorization(self) -> None:
        """A part that is invoiced gives the sale a new date of authorization."""
        shop = Shop("KI-authorized-date", flow="marketplace")
        shop.handle(shop.twin)
        before = shop.order.authorized_at
        shop.invoice(shop.twin, invoiceValue=100)
        shop.bring("payment-approved")

        assert before is not None
        assert shop.order.authorized_at is not None
        assert shop.order.authorized_at > before

    def test_paid_but_incomplete(self) -> None:
        """KI-421137: the gateway has called back, and the order is incomplete still."""
        shop = Shop("KI-421137", incomplete=True)
        Checkout(shop.oms).process("acme", shop.order.group)
        shop.wait()

        assert shop.order.is_incomplete


class TestDocument:
    def test_masked(self) -> None:
        """KI-360783: the shopper's data is asterisks."""
        document = Shop("KI-360783").document

        assert document["clientProfileData"]["firstName"] == "***"
        assert document["shippingData"]["address"]["street"] == "***"

    def test_junk_phone(self) -> None:
        """KI-680500: the phone number is not one."""
        phone = Shop("KI-680500").document["clientProfileData"]["phone"]

        assert not phone.removeprefix("+").isdecimal()

    def test_no_sla(self) -> None:
        """KI-575219: the SLA and its estimate are null."""
        [logistics, *_] = Shop("KI-575219").document["shippingData"]["logisticsInfo"]

        assert logistics["selectedSla"] is None
        assert logistics["shippingEstimateDate"] is None

    def test_wrong_estimate(self) -> None:
        """KI-269104: the order is expected long before it was placed."""
        document = Shop("KI-269104").document
        [logistics, *_] = document["shippingData"]["logisticsInfo"]

        assert logistics["shippingEstimateDate"] < document["creationDate"]

    def test_no_items(self) -> None:
        """KI-1350336: the document has no items, though it costs something."""
        document = Shop("KI-1350336").document

        assert (document["items"], document["value"] > 0) == ([], True)

    def test_items_written_anew(self) -> None:
        """KI-1330069: an invoice for everything shows the order's items, not its own."""
        shop = Shop("KI-1330069")
        shop.handle(shop.order)
        line = {"id": "nothing", "price": 1, "quantity": 1, "description": "mine"}
        shop.invoice(shop.order, items=[line])
        [package] = shop.document["packageAttachment"]["packages"]

        assert len(package["items"]) == len(shop.order.items)
        assert package["items"][0]["description"] == shop.order.items[0].name
