"""What speaks against an invoice, given its order and that order's sale."""

from dataclasses import replace

import pytest

from builders import document, item, package
from react_kit import CLAIMED
from service.react.calls import CallRequest, ClaimedCall
from service.react.precautions import needs_precaution, obstacle

HANDLED = document(items=(item("100", quantity=2),), value=2000)


def invoice(
    *, value: int = 1000, sku: str = "100", kind: str = "Output", known: bool = False
) -> ClaimedCall:
    request = CallRequest(
        method="POST",
        invoice_number="1",
        body={
            "type": kind,
            "invoiceNumber": "1",
            "invoiceValue": str(value),
            "items": [{"id": sku, "price": value, "quantity": 1}],
        },
        refuses_cancellation=known,
    )
    return replace(CLAIMED, kind="invoice", request=request)


class TestNeedsPrecaution:
    def test_an_invoice_of_a_sale(self) -> None:
        """The order is looked at before a sale is invoiced."""
        assert needs_precaution(invoice())

    @pytest.mark.parametrize(
        "call",
        [CLAIMED, invoice(kind="Input"), replace(invoice(), replays=1)],
        ids=["start-handling", "return", "replayed"],
    )
    def test_nothing_else(self, call: ClaimedCall) -> None:
        """Other calls, and what a person sends again, go out without that."""
        assert not needs_precaution(call)


class TestObstacle:
    def test_none(self) -> None:
        """An invoice that fits its order has nothing in its way."""
        assert obstacle(invoice(), HANDLED, sale=None) is None

    @pytest.mark.parametrize("status", ["canceled", "replaced"])
    def test_closed_order(self, status: str) -> None:
        """A closed order is not invoiced, be it the seller's or its sale."""
        for order, sale in (
            (document(status), None),
            (HANDLED, document(status)),
        ):
            found = obstacle(invoice(), order, sale=sale)

            assert found is not None
            assert status in found.reason
            assert found.then == "refuse"

    @pytest.mark.parametrize(
        ("status", "of_sale"),
        [
            ("cancellation-requested", None),
            ("handling", "request-cancel"),
            ("handling", "waiting-for-seller-decision"),
        ],
    )
    def test_cancellation_is_asked_for(self, status: str, of_sale: str | None) -> None:
        """An invoice refuses a cancellation only where its issuer knew of that."""
        order = HANDLED.model_copy(update={"status": status})
        sale = document(of_sale) if of_sale else None

        found = obstacle(invoice(), order, sale=sale)

        assert found is not None
        assert "replay" in found.reason
        assert found.then == "park"
        assert obstacle(invoice(known=True), order, sale=sale) is None

    def test_sale_without_payment(self) -> None:
        """While the sale's payment is open, the invoice waits."""
        found = obstacle(invoice(), HANDLED, sale=document(is_completed=False))

        assert found is not None
        assert found.then == "wait"

    def test_order_worth_less(self) -> None:
        """A change that makes the order worth less stops an invoice above that."""
        found = obstacle(
            invoice(value=2000), HANDLED.model_copy(update={"value": 1999}), sale=None
        )

        assert found is not None
        assert "1999" in found.reason

    def test_item_that_was_taken_out(self) -> None:
        """A change that takes an item out stops the invoice for it."""
        found = obstacle(invoice(sku="200"), HANDLED, sale=None)

        assert found is not None
        assert "SKU 200" in found.reason

    def test_invoice_of_somebody_else(self) -> None:
        """What others have invoiced meanwhile counts."""
        packages = (package("9", items=((0, 2),), value=2000),)
        order = HANDLED.model_copy(update={"packages": packages})

        assert obstacle(invoice(), order, sale=None) is not None
