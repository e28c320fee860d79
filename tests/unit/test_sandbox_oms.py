"""The OMS without a network: the flow, and what each call does to an order."""

from collections import Counter

import pytest

from sandbox_kit import (
    bring,
    invoice_body,
    tracking_body,
    tracking_number_body,
)
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms, Receipt, StatusChange
from service.sandbox.orders import Order
from service.sandbox.packages import PackageItem
from service.sandbox.refusals import (
    InvalidBodyError,
    InvoiceUnknownError,
    InvoiceUnusableError,
    NotAllowedError,
    NotReadyForHandlingError,
    OrderUnknownError,
    RefusedError,
)

TO_HANDLING = [
    "order-created",
    "on-order-completed",
    "payment-pending",
    "approve-payment",
    "payment-approved",
    "authorize-fulfillment",
    "window-to-cancel",
    "ready-for-handling",
]


class Shop:
    """An OMS with one account, and a hand on its clock."""

    def __init__(self, *, seed: int = 7, orders_per_minute: float = 0.0) -> None:
        self.clock = ManualClock()
        self.oms = Oms(
            accounts=["acme"],
            seed=seed,
            clock=self.clock,
            orders_per_minute=orders_per_minute,
        )
        self.changes: list[StatusChange] = []
        self.oms.listen(self.changes.append)

    def order_in(self, status: str, wish: Wish | None = None) -> Order:
        order = self.oms.place_order("acme", wish or Wish(fate="completed"))
        bring(self.oms, self.clock, order, status)
        return order

    def handled(self, wish: Wish | None = None) -> Order:
        order = self.order_in("ready-for-handling", wish)
        self.do(order, calls.START_HANDLING)
        bring(self.oms, self.clock, order, "handling")
        return order

    def invoiced(self) -> Order:
        order = self.handled()
        self.do(order, calls.invoice(invoice_body(order)))
        bring(self.oms, self.clock, order, "invoiced")
        return order

    def do(self, order: Order, call: calls.Call) -> Receipt:
        caller = Caller(account=order.account, name="erp")
        return self.oms.carry_out(caller, order.order_id, call)

    def states(self, order: Order) -> list[str]:
        return [c.state for c in self.changes if c.order_id == order.order_id]


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestFlow:
    def test_goes_to_ready_for_handling_by_itself(self, shop: Shop) -> None:
        """Every status up to ready-for-handling follows without a call."""
        order = shop.order_in("ready-for-handling")

        states = shop.states(order)
        assert [s for s in states if s != "waiting-for-authorization"] == TO_HANDLING
        assert shop.oms.next_due() is None

    def test_tells_the_status_before(self, shop: Shop) -> None:
        """Each change names the status that the order came from."""
        shop.order_in("payment-pending")

        assert [change.last_state for change in shop.changes] == [
            "",
            *(change.state for change in shop.changes[:-1]),
        ]

    def test_asks_the_sellers_of_some_orders(self, shop: Shop) -> None:
        """A share of the orders waits for its sellers before the payment."""
        orders = [shop.order_in("payment-pending") for _ in range(20)]

        waited = ["waiting-for-authorization" in shop.states(o) for o in orders]
        assert 0 < sum(waited) < 20

    def test_passes_to_the_seller_after_the_payment(self, shop: Shop) -> None:
        """The marketplace reports the payment, the seller's side what follows."""
        shop.order_in("ready-for-handling")

        domains = {change.state: change.domain for change in shop.changes}
        assert domains["payment-approved"] == "Marketplace"
        assert domains["ready-for-handling"] == "Fulfillment"

    @pytest.mark.parametrize("fate", ["payment-denied", "canceled"])
    def test_ends_cancelled_when_that_is_its_fate(self, shop: Shop, fate: str) -> None:
        """Denied payments and shoppers who withdraw go through cancel to canceled."""
        order = shop.order_in("canceled", Wish.model_validate({"fate": fate}))

        assert shop.states(order)[-2:] == ["cancel", "canceled"]
        assert order.cancellation is not None
        assert order.cancellation.by == (
            "payment" if fate == "payment-denied" else "shopper"
        )

    def test_dates_changes_when_they_were_due(self) -> None:
        """Looking at the OMS late does not make its changes late."""
        often, late = Shop(), Shop()
        for shop in (often, late):
            shop.oms.place_order("acme", Wish(fate="completed"))

        for _ in range(600):
            often.clock.advance(0.1)
            often.oms.advance()
        late.clock.advance(60)
        late.oms.advance()

        assert late.changes == often.changes

    def test_lets_shoppers_come_at_the_given_rate(self) -> None:
        """Sixty orders a minute are about sixty purchases after a minute."""
        shop = Shop(orders_per_minute=60)
        shop.clock.advance(60)

        assert 40 < len({order.group for order in shop.oms.orders()}) < 80

    def test_lets_shoppers_buy_from_all_kinds_of_sellers(self) -> None:
        """Most purchases are complete orders; the other flows come up too."""
        shop = Shop(orders_per_minute=600)
        shop.clock.advance(60)

        flows = Counter(order.flow for order in shop.oms.orders())
        assert flows["complete"] > 3 * flows["marketplace"] > 0
        assert flows["chain"] > 5
        assert flows["seller"] > flows["chain"]

    def test_knows_only_its_own_accounts(self, shop: Shop) -> None:
        """An order of an account that does not exist cannot be placed."""
        with pytest.raises(RefusedError, match="no account nobody"):
            shop.oms.place_order("nobody")


class TestLedger:
    def test_is_the_same_for_the_same_seed(self) -> None:
        """A seed decides everything that happens without a call."""
        one, same, other = (Shop(seed=seed, orders_per_minute=60) for seed in (1, 1, 2))
        for shop in (one, same, other):
            shop.clock.advance(120)

        assert len(one.oms.ledger()) > 100
        assert one.oms.ledger() == same.oms.ledger()
        assert one.oms.ledger() != other.oms.ledger()

    def test_holds_refused_calls(self, shop: Shop) -> None:
        """A call that is refused is in the ledger with its code."""
        order = shop.order_in("payment-pending")
        with pytest.raises(NotReadyForHandlingError):
            shop.do(order, calls.START_HANDLING)

        last = shop.oms.ledger()[-1]
        assert (last.kind, last.by, last.outcome) == (
            "start-handling",
            "erp",
            "refused",
        )
        assert last.detail["code"] == "OMS003"

    def test_holds_calls_on_unknown_orders(self, shop: Shop) -> None:
        """A call on an order that does not exist is in the ledger too."""
        with pytest.raises(OrderUnknownError):
            shop.oms.carry_out(
                Caller(account="acme", name="erp"), "1-01", calls.START_HANDLING
            )

        assert shop.oms.ledger()[-1].outcome == "refused"

    def test_numbers_its_entries_from_one(self, shop: Shop) -> None:
        """Entries count from 1, and reading after one gives the next."""
        shop.order_in("ready-for-handling")

        numbers = [entry.number for entry in shop.oms.ledger()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [e.number for e in shop.oms.ledger(after=3, limit=2)] == [4, 5]


class TestStartHandling:
    def test_leads_to_handling(self, shop: Shop) -> None:
        """From ready-for-handling the order goes on to handling by itself."""
        order = shop.handled()

        assert shop.states(order)[-2:] == ["start-handling", "handling"]

    @pytest.mark.parametrize("status", ["payment-approved", "window-to-cancel"])
    def test_is_refused_before_its_time(self, shop: Shop, status: str) -> None:
        """It works from ready-for-handling alone."""
        order = shop.order_in(status)

        with pytest.raises(NotReadyForHandlingError):
            shop.do(order, calls.START_HANDLING)
        assert order.status == status

    def test_is_refused_twice(self, shop: Shop) -> None:
        """The second of two calls finds the order gone on."""
        order = shop.order_in("ready-for-handling")
        shop.do(order, calls.START_HANDLING)

        with pytest.raises(NotReadyForHandlingError):
            shop.do(order, calls.START_HANDLING)


class TestInvoice:
    def test_of_everything_leads_to_invoiced(self, shop: Shop) -> None:
        """An invoice worth the order takes it through invoice to invoiced."""
        order = shop.invoiced()

        assert shop.states(order)[-2:] == ["invoice", "invoiced"]
        assert order.invoiced_at is not None

    def test_of_a_part_leads_back_to_handling(self, shop: Shop) -> None:
        """The order is invoiced only when its parts are worth all of it."""
        order = shop.handled()
        shop.do(order, calls.invoice(invoice_body(order, "A", invoiceValue=100)))
        bring(shop.oms, shop.clock, order, "handling")
        rest = order.value - 100
        shop.do(order, calls.invoice(invoice_body(order, "B", invoiceValue=rest)))
        bring(shop.oms, shop.clock, order, "invoiced")

        assert shop.states(order)[-4:] == ["invoice", "handling", "invoice", "invoiced"]

    def test_of_the_rest_while_the_first_is_verified(self, shop: Shop) -> None:
        """A second part may arrive before the first is through."""
        order = shop.handled()
        shop.do(order, calls.invoice(invoice_body(order, "A", invoiceValue=100)))
        rest = order.value - 100
        shop.do(order, calls.invoice(invoice_body(order, "B", invoiceValue=rest)))
        bring(shop.oms, shop.clock, order, "invoiced")

        assert shop.states(order)[-2:] == ["invoice", "invoiced"]

    def test_with_a_known_number_is_only_a_receipt(self, shop: Shop) -> None:
        """The same number again changes nothing, and gives another receipt."""
        order = shop.handled()
        first = shop.do(
            order, calls.invoice(invoice_body(order, "A", invoiceValue=100))
        )
        second = shop.do(order, calls.invoice(invoice_body(order, "A")))

        assert first.receipt != second.receipt
        assert [package.invoice_value for package in order.packages] == [100]
        assert shop.oms.ledger()[-1].outcome == "repeated"

    def test_names_what_is_missing(self, shop: Shop) -> None:
        """Every missing field is named, as VTEX writes it."""
        order = shop.handled()

        with pytest.raises(InvalidBodyError) as refusal:
            shop.do(order, calls.invoice({"type": "Output"}))
        assert refusal.value.faults.keys() == {
            "issuanceDate",
            "invoiceNumber",
            "invoiceValue",
            "items",
        }

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"type": "Sideways"}, "type"),
            ({"invoiceNumber": "  "}, "invoiceNumber"),
            ({"invoiceNumber": None}, "invoiceNumber"),
            ({"invoiceValue": "ten"}, "invoiceValue"),
            ({"invoiceValue": -1}, "invoiceValue"),
            ({"issuanceDate": "soon"}, "issuanceDate"),
            ({"items": [{"id": "2001", "price": 1}]}, "items.0.quantity"),
            (
                {"items": [{"id": "2001", "price": 1, "quantity": 0}]},
                "items.0.quantity",
            ),
        ],
    )
    def test_names_what_is_wrong(
        self, shop: Shop, changes: dict[str, object], field: str
    ) -> None:
        """A field that cannot be read is named, and nothing is attached."""
        order = shop.handled()

        with pytest.raises(InvalidBodyError) as refusal:
            shop.do(order, calls.invoice(invoice_body(order) | changes))
        assert field in refusal.value.faults
        assert order.packages == []

    def test_above_the_order_is_refused(self, shop: Shop) -> None:
        """The invoices are never worth more than the order."""
        order = shop.handled()
        over = invoice_body(order, invoiceValue=order.value + 1)

        with pytest.raises(NotAllowedError, match="worth more"):
            shop.do(order, calls.invoice(over))

    def test_before_handling_is_refused(self, shop: Shop) -> None:
        """An order that is still being paid cannot be invoiced."""
        order = shop.order_in("payment-approved")

        with pytest.raises(NotAllowedError, match="payment-approved"):
            shop.do(order, calls.invoice(invoice_body(order)))

    def test_packs_the_items_of_the_order(self, shop: Shop) -> None:
        """The package refers to the order's items by place; unknown SKUs are lost."""
        order = shop.handled(Wish(items=2, fate="completed"))
        second = order.items[1]
        lines = [
            {"id": second.sku, "price": 5, "quantity": 1, "description": "blue"},
            {"id": "nothing", "price": 5, "quantity": 1},
        ]
        body = invoice_body(order, items=lines, invoiceValue=5)
        shop.do(order, calls.invoice(body))

        assert order.packages[0].items == (
            PackageItem(item_index=1, quantity=1, price=5, description="blue"),
        )

    def test_of_a_return_moves_nothing(self, shop: Shop) -> None:
        """A return is attached to the invoiced order, which stays invoiced."""
        order = shop.invoiced()
        back = invoice_body(order, "R1", type="Input", invoiceValue=100)
        shop.do(order, calls.invoice(back))

        assert order.status == "invoiced"
        assert (order.invoiced_value, order.returned_value) == (order.value, 100)

    def test_of_a_return_needs_a_sale(self, shop: Shop) -> None:
        """Nothing comes back that was not sold."""
        order = shop.handled()
        back = invoice_body(order, "R1", type="Input", invoiceValue=100)

        with pytest.raises(NotAllowedError, match="returned"):
            shop.do(order, calls.invoice(back))

    def test_refuses_a_cancellation_that_was_asked_for(self, shop: Shop) -> None:
        """Invoicing is how a seller says no to a cancellation request."""
        order = shop.handled()
        shop.do(order, calls.cancel({"reason": "late"}))
        shop.do(order, calls.invoice(invoice_body(order)))
        bring(shop.oms, shop.clock, order, "invoiced")

        assert shop.states(order)[-4:] == [
            "cancellation-requested",
            "invoice-after-cancellation-deny",
            "invoice",
            "invoiced",
        ]


class TestAssignTrackingNumber:
    def test_is_kept_with_the_package(self, shop: Shop) -> None:
        """The package has the number, and no workflow event tells of it."""
        order = shop.invoiced()
        before = len(shop.changes)
        shop.do(order, calls.assign_tracking_number("NF1", tracking_number_body()))

        assert order.packages[0].tracking_number == "SB1BR"
        assert order.packages[0].courier == "Correios PAC"
        assert len(shop.changes) == before

    def test_needs_an_invoice(self, shop: Shop) -> None:
        """A number for an invoice that does not exist is not found."""
        order = shop.invoiced()

        with pytest.raises(InvoiceUnknownError):
            shop.do(order, calls.assign_tracking_number("NF2", tracking_number_body()))

    @pytest.mark.parametrize(
        "missing", ["trackingNumber", "trackingUrl", "courier", "dispatchedDate"]
    )
    def test_names_what_is_missing(self, shop: Shop, missing: str) -> None:
        """All four keys are required, though three may be null."""
        order = shop.invoiced()
        body = tracking_number_body()
        del body[missing]

        with pytest.raises(InvalidBodyError) as refusal:
            shop.do(order, calls.assign_tracking_number("NF1", body))
        assert refusal.value.faults.keys() == {missing}


class TestReportTracking:
    def test_needs_a_tracking_number(self, shop: Shop) -> None:
        """The way of a package is told only once it has a number."""
        order = shop.invoiced()

        with pytest.raises(NotAllowedError, match="no tracking number"):
            shop.do(order, calls.report_tracking("NF1", tracking_body()))

    def test_replaces_what_was_known(self, shop: Shop) -> None:
        """The last call is what the package shows."""
        order = shop.invoiced()
        shop.do(order, calls.assign_tracking_number("NF1", tracking_number_body()))
        shop.do(order, calls.report_tracking("NF1", tracking_body()))
        arrived = tracking_body(isDelivered=True, deliveredDate="2026-03-03 10:00")
        shop.do(order, calls.report_tracking("NF1", arrived))

        status = order.packages[0].courier_status
        assert status is not None
        assert status.finished
        assert [checkpoint.city for checkpoint in status.checkpoints] == ["Recife"]

    def test_names_what_is_missing(self, shop: Shop) -> None:
        """The delivery date may be null, but not missing."""
        order = shop.invoiced()
        shop.do(order, calls.assign_tracking_number("NF1", tracking_number_body()))

        with pytest.raises(InvalidBodyError) as refusal:
            shop.do(order, calls.report_tracking("NF1", {"isDelivered": True}))
        assert refusal.value.faults.keys() == {"deliveredDate", "events"}

    @pytest.mark.parametrize(
        ("number", "refusal"),
        [
            ("NF 1", InvoiceUnusableError),
            ("NF/1", InvoiceUnknownError),
            ("NF#1", InvoiceUnknownError),
        ],
    )
    def test_never_finds_odd_numbers(
        self, shop: Shop, number: str, refusal: type[RefusedError]
    ) -> None:
        """An invoice is taken under an odd number, and cannot be tracked after that."""
        order = shop.handled()
        shop.do(order, calls.invoice(invoice_body(order, number, trackingNumber="T")))

        with pytest.raises(refusal):
            shop.do(order, calls.report_tracking(number, tracking_body()))


class TestCancel:
    @pytest.mark.parametrize(
        "status", ["on-order-completed", "payment-pending", "window-to-cancel"]
    )
    def test_works_at_once_before_handling(self, shop: Shop, status: str) -> None:
        """One call is enough before ready-for-handling."""
        order = shop.order_in(status)
        shop.do(order, calls.cancel({"reason": "no stock"}))
        bring(shop.oms, shop.clock, order, "canceled")

        assert order.cancellation is not None
        assert (order.cancellation.reason, order.cancellation.by) == (
            "no stock",
            "merchant",
        )

    def test_takes_two_calls_while_handled(self, shop: Shop) -> None:
        """The first call asks, the second confirms."""
        order = shop.handled()
        shop.do(order, calls.cancel({"reason": "late", "requestedByUser": True}))
        assert order.status == "cancellation-requested"
        shop.do(order, calls.cancel({"reason": "late", "requestedByUser": True}))
        bring(shop.oms, shop.clock, order, "canceled")

        assert shop.states(order)[-3:] == [
            "cancellation-requested",
            "cancel",
            "canceled",
        ]
        assert order.cancellation is not None
        assert order.cancellation.by == "shopper"

    def test_is_refused_after_a_partial_invoice(self, shop: Shop) -> None:
        """What is invoiced in part cannot be cancelled."""
        order = shop.handled()
        shop.do(order, calls.invoice(invoice_body(order, "A", invoiceValue=100)))
        bring(shop.oms, shop.clock, order, "handling")

        with pytest.raises(NotAllowedError, match="invoice"):
            shop.do(order, calls.cancel({"reason": "late"}))

    @pytest.mark.parametrize("status", ["order-created", "canceled"])
    def test_is_refused_where_the_platform_moves(self, shop: Shop, status: str) -> None:
        """An automatic status, or the end, cannot be cancelled."""
        fate = "canceled" if status == "canceled" else "completed"
        order = shop.order_in(status, Wish.model_validate({"fate": fate}))

        with pytest.raises(NotAllowedError, match=status):
            shop.do(order, calls.cancel({"reason": "late"}))
