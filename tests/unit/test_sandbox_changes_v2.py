"""Changes of the second version: asked for, taken step by step, worked out by the OMS."""

import pytest

from change_kit import ERP, ChangeShop, absent, lines, registration, wish
from service.sandbox import calls
from service.sandbox.change_refusals import (
    ChangeInProgressError,
    ChangeRefusedError,
    ChangeUnknownError,
)
from service.sandbox.invention import Wish
from service.sandbox.orders import Order
from service.sandbox.refusals import InvalidBodyError


@pytest.fixture
def shop() -> ChangeShop:
    return ChangeShop()


def replacing(order: Order, index: int = 0, **to: object) -> dict[str, object]:
    """Replace all of a line by something else."""
    line = order.items[index]
    return {
        "replace": [
            {
                "from": lines(line.sku, quantity=line.quantity),
                "to": {"items": [{"id": line.sku, "quantity": line.quantity} | to]},
            }
        ]
    }


class TestRequest:
    def test_is_done_after_its_steps(self, shop: ChangeShop) -> None:
        """Acknowledgement and confirmation take their time on the clock."""
        order = shop.handled()
        value = order.value
        asked = shop.ask(order, manualDiscountValue=100)
        seen = [(asked.status, order.value)]
        while (due := shop.oms.next_due()) is not None:
            shop.clock.set(due)
            shop.oms.advance()
            seen.append((asked.status, order.value))

        assert seen == [
            ("waiting-acknowledgement", value),
            ("waiting-confirmation", value),
            ("done", value - 100),
        ]
        assert len(asked.logs) == 2

    def test_takes_the_price_from_the_catalogue(self, shop: ChangeShop) -> None:
        """Whoever adds an item need not know what it costs."""
        order = shop.handled()
        value, sku = order.value, absent(order)
        shop.change(order, add=lines(sku, quantity=2))

        line = order.items[-1]
        assert (line.sku, line.quantity) == (sku, 2)
        assert order.value == value + 2 * line.price + line.logistics.price

    def test_takes_the_price_that_is_named(self, shop: ChangeShop) -> None:
        """A price in the request goes before the catalogue's."""
        order = shop.handled()
        shop.change(order, add=lines(absent(order), price=150))

        assert order.items[-1].price == 150

    def test_takes_items_out(self, shop: ChangeShop) -> None:
        """What goes is not paid for, nor is its freight once the line is gone."""
        order = shop.handled()
        gone, stays = order.items
        value = order.value
        shop.change(order, remove=lines(gone.sku, quantity=gone.quantity))

        worth = gone.price * gone.quantity + gone.logistics.price
        assert [item.sku for item in order.items] == [stays.sku]
        assert order.value == value - worth

    def test_replaces_an_item_by_another(self, shop: ChangeShop) -> None:
        """The other item travels as the first one did."""
        order = shop.handled()
        before, sku = order.items[0], absent(order)
        shop.change(order, **replacing(order, id=sku, quantity=1))

        line = next(item for item in order.items if item.sku == sku)
        assert line.logistics == before.logistics
        assert before.sku not in {item.sku for item in order.items}

    def test_replaces_a_price(self, shop: ChangeShop) -> None:
        """The same item at another price is another line in the same place."""
        order = shop.handled()
        before, value = order.items[0], order.value
        shop.change(order, **replacing(order, price=before.price - 1))

        assert order.value == value - before.quantity

    def test_keeps_the_name_of_a_line(self, shop: ChangeShop) -> None:
        """A line of which the quantity alone changes keeps its uniqueId."""
        order = shop.handled()
        name = order.unique_id(0)
        shop.change(order, **replacing(order, quantity=9))

        assert order.items[0].unique_id == name
        assert order.items[0].quantity == 9

    def test_names_lines_for_good(self, shop: ChangeShop) -> None:
        """A line keeps its uniqueId when the one before it goes."""
        order = shop.handled()
        gone, name = order.items[0], order.unique_id(1)
        shop.change(order, remove=lines(gone.sku, quantity=gone.quantity))

        assert order.unique_id(0) == name

    def test_sends_a_line_as_it_is_told(self, shop: ChangeShop) -> None:
        """The shipping that is chosen has the price that is named."""
        order = shop.handled()
        way = order.items[0].logistics
        chosen = {
            "itemIndex": 0,
            "selectedSla": way.sla,
            "selectedDeliveryChannel": "delivery",
            "addressId": order.shopper.home.address_id,
            "price": 77,
        }
        put = lines(absent(order)) | {"shippingData": {"logisticsInfo": [chosen]}}
        shop.change(order, add=put)

        assert order.items[-1].logistics.price == 77

    def test_leaves_the_freight_where_it_is_compensated(self, shop: ChangeShop) -> None:
        """The setting of one request goes before the account's."""
        order = shop.handled()
        gone, freight = order.items[0], order.shipping_value
        shop.change(
            order,
            remove=lines(gone.sku, quantity=gone.quantity),
            settings={"pipelineConfiguration": {"compensateShippingChanges": True}},
        )

        assert order.shipping_value == freight

    def test_changes_the_shopper(self, shop: ChangeShop) -> None:
        """The shopper's data changes as far as the request names it."""
        order = shop.handled()
        last_name = order.shopper.last_name
        shop.change(order, **replacing(order, clientProfileData=[{"firstName": "Zoe"}]))

        assert (order.shopper.first_name, order.shopper.last_name) == ("Zoe", last_name)

    def test_tells_no_personal_data_to_the_ledger(self, shop: ChangeShop) -> None:
        """The ledger knows the request by its id alone."""
        order = shop.handled()
        shop.change(order, **replacing(order, clientProfileData=[{"firstName": "Zoe"}]))

        told = [e.detail for e in shop.oms.ledger() if e.kind.startswith("change")]
        assert {key for detail in told for key in detail} == {
            "requestId",
            "version",
            "status",
            "failed",
            "value",
        }

    def test_adds_up_values_by_hand(self, shop: ChangeShop) -> None:
        """Those of the request and those of its lines count together."""
        order = shop.handled()
        value = order.value
        shop.change(
            order,
            manualDiscountValue=10,
            manualIncrementValue=5,
            **replacing(order, manualDiscountValue=100, manualIncrementValue=1),
        )

        assert order.value == value - 104

    def test_may_follow_another_one(self, shop: ChangeShop) -> None:
        """There is no limit to the changes of an order."""
        order = shop.handled()
        value = order.value
        for _ in range(3):
            shop.change(order, manualDiscountValue=100)

        assert order.value == value - 300
        assert len({r.request_id for r in order.change_requests}) == 3

    def test_is_canceled_when_an_invoice_gets_in_its_way(
        self, shop: ChangeShop
    ) -> None:
        """The order is not worth less than an invoice that came in the meantime."""
        order = shop.handled()
        value = order.value
        asked = shop.ask(order, manualDiscountValue=100)
        shop.invoice(order)
        shop.wait()

        assert asked.status == "canceled"
        assert asked.cancellation is not None
        assert not asked.cancellation.by_user
        assert (order.value, order.status) == (value, "invoiced")

    def test_goes_on_beside_an_invoice_that_fits(self, shop: ChangeShop) -> None:
        """An invoice for a part leaves room for a change of the rest."""
        order = shop.handled()
        asked = shop.ask(order, manualDiscountValue=100)
        shop.invoice(order, invoiceValue=100, items=[])
        shop.wait()

        assert asked.status == "done"

    def test_ends_with_its_order(self, shop: ChangeShop) -> None:
        """Whoever cancels an order ends its change too."""
        order = shop.handled()
        asked = shop.ask(order, manualDiscountValue=100)
        for _ in range(2):
            shop.oms.carry_out(ERP, order.order_id, calls.cancel({"reason": "late"}))
        shop.wait()

        assert (order.status, asked.status) == ("canceled", "canceled")

    def test_changes_both_sides_of_a_sale(self, shop: ChangeShop) -> None:
        """Both orders know the change and how far it is."""
        sale = shop.order_in(
            "payment-approved", Wish(flow="marketplace", fate="completed", items=2)
        )
        gone = sale.items[0]
        shop.change(sale, remove=lines(gone.sku, quantity=gone.quantity))

        assert sale.twin is not None
        twin = shop.oms.order(sale.account, sale.twin)
        assert (twin.items, twin.value) == (sale.items, sale.value)
        assert [r.status for r in twin.change_requests] == ["done"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"reason": None}, "reason"),
            ({"add": {"items": []}}, "add.items"),
            ({"remove": {"items": [{"id": "2001"}]}}, "remove.items.0.quantity"),
            ({"add": lines("2001", quantity=0)}, "add.items.0.quantity"),
            ({"add": lines("2001", price=-1)}, "add.items.0.price"),
            ({"replace": [{"from": lines("2001")}]}, "replace.0.to"),
            ({"manualDiscountValue": -1}, "manualDiscountValue"),
        ],
    )
    def test_name_what_is_wrong(
        self, shop: ChangeShop, changes: dict[str, object], field: str
    ) -> None:
        """A request that cannot be read asks for nothing and says where."""
        order = shop.handled()

        with pytest.raises(InvalidBodyError) as refusal:
            shop.ask(order, **changes)
        assert field in refusal.value.faults
        assert order.change_requests == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({}, "CHK0124"),
            ({"add": lines("9999")}, "CHK0022"),
            ({"remove": lines("9999")}, "SalesOrderSystem010"),
            ({"add": lines("2001", measurementUnit="kg")}, "SalesOrderSystem055"),
            ({"add": lines("2001", unitMultiplier=1.5)}, "SalesOrderSystem055"),
            ({"manualDiscountValue": 10**7}, "CHK0034"),
        ],
    )
    def test_have_the_codes_of_vtex(
        self, shop: ChangeShop, changes: dict[str, object], code: str
    ) -> None:
        """What cannot be done is refused at once, with VTEX's word for it."""
        order = shop.handled()

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, **changes)
        assert refusal.value.code == code

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"quantity": 99}, "SalesOrderSystem011"),
            ({"uniqueId": "nothing"}, "SalesOrderSystem026"),
        ],
    )
    def test_come_for_a_line_that_is_not_like_this(
        self, shop: ChangeShop, more: dict[str, object], code: str
    ) -> None:
        """The order has the item, but not so much of it, or not under this name."""
        order = shop.handled()
        taken = {"id": order.items[0].sku, "quantity": 1} | more

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, remove={"items": [taken]})
        assert refusal.value.code == code

    def test_come_for_one_line_of_two_alike(self, shop: ChangeShop) -> None:
        """Only a uniqueId tells two lines of the same item apart."""
        order = shop.handled()
        first = order.items[0]
        shop.change(order, add=lines(first.sku, price=first.price - 1))

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, remove=lines(first.sku))
        assert refusal.value.code == "SalesOrderSystem026"
        name = order.items[-1].unique_id
        shop.change(order, remove=lines(first.sku, uniqueId=name))
        assert [item.sku for item in order.items].count(first.sku) == 1

    def test_come_for_a_new_item_with_two_ways_to_go(self, shop: ChangeShop) -> None:
        """Nobody can say how an item should travel in an order with two places."""
        order = shop.handled(
            Wish(flow="complete", fate="completed", items=2, channel="mixed")
        )

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, add=lines(absent(order)))
        assert refusal.value.code == "SalesOrderSystem012"
        shop.ask(order, add=lines(order.items[0].sku))

    def test_come_for_shipping_that_the_order_does_not_have(
        self, shop: ChangeShop
    ) -> None:
        """A line travels in a way that is in the order already."""
        order = shop.handled()
        chosen = {
            "itemIndex": 0,
            "selectedSla": "Drone",
            "selectedDeliveryChannel": "delivery",
            "addressId": "home",
            "price": 1,
        }
        put = lines(absent(order)) | {"shippingData": {"logisticsInfo": [chosen]}}

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, add=put)
        assert refusal.value.code == "SalesOrderSystem013"

    def test_come_while_another_one_runs(self, shop: ChangeShop) -> None:
        """An order has one change at a time."""
        order = shop.handled()
        shop.ask(order, manualDiscountValue=1)

        with pytest.raises(ChangeInProgressError):
            shop.ask(order, manualDiscountValue=1)

    def test_come_where_the_first_version_was_used(self, shop: ChangeShop) -> None:
        """An order has changes of one version alone."""
        order = shop.handled()
        shop.changes.register(ERP, order.order_id, registration())

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.ask(order, manualDiscountValue=1)
        assert refusal.value.code == "SalesOrderSystem015"

    def test_come_where_the_account_says_no(self, shop: ChangeShop) -> None:
        """An account may forbid changes by API."""
        order = shop.handled()
        off = {"rolloutConfiguration": {"enableApi": False}}

        with pytest.raises(ChangeRefusedError, match="settings"):
            shop.ask(order, manualDiscountValue=1, settings=off)


class TestPreview:
    def test_tells_what_would_come_of_it(self, shop: ChangeShop) -> None:
        """The preview is worth what the change is, and nothing happens."""
        order = shop.handled()
        value, entries = order.value, len(shop.oms.ledger())
        body = wish(add=lines(absent(order)), manualDiscountValue=100)
        seen = shop.changes.preview(order.account, order.order_id, body)

        assert (order.value, order.change_requests) == (value, [])
        assert len(shop.oms.ledger()) == entries
        asked = shop.changes.request(ERP, order.order_id, body)
        assert seen.effect == asked.effect
        shop.wait()
        assert order.value == value + seen.effect.total

    def test_is_refused_like_the_change(self, shop: ChangeShop) -> None:
        """What could not be done is not shown."""
        order = shop.handled()

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.changes.preview(order.account, order.order_id, wish(add=lines("9999")))
        assert refusal.value.code == "CHK0022"


class TestFailure:
    @pytest.fixture
    def stopped(self, shop: ChangeShop) -> Order:
        order = shop.handled()
        shop.faults.names.add("change-fails")
        shop.change(order, manualDiscountValue=100)
        shop.faults.names.clear()
        return order

    def test_stops_where_it_was(self, shop: ChangeShop, stopped: Order) -> None:
        """A change that fails stays in its step, and the order as it is."""
        request = stopped.change_requests[0]

        assert (request.status, request.has_failed) == ("waiting-acknowledgement", True)
        assert stopped.adjustment == 0
        assert shop.oms.next_due() is None

    def test_goes_on_when_it_is_retried(self, shop: ChangeShop, stopped: Order) -> None:
        """A retry does what was asked for at first."""
        request = stopped.change_requests[0]
        shop.changes.retry(
            ERP, stopped.order_id, request.request_id, wish(manualDiscountValue=7)
        )
        shop.wait()

        assert (request.status, stopped.adjustment) == ("done", -100)

    def test_ends_when_it_is_canceled(self, shop: ChangeShop, stopped: Order) -> None:
        """A change that was given up makes room for another."""
        request = stopped.change_requests[0]
        body = {"reason": "no use"}
        shop.changes.cancel(ERP, stopped.order_id, request.request_id, body)

        assert request.status == "canceled"
        assert request.cancellation is not None
        assert (request.cancellation.by_user, request.cancellation.reason) == (
            True,
            "no use",
        )
        shop.change(stopped, manualDiscountValue=5)
        assert stopped.adjustment == -5

    def test_is_the_only_thing_to_retry_or_cancel(self, shop: ChangeShop) -> None:
        """A change that is on its way, or at its end, is left alone."""
        order = shop.handled()
        request_id = shop.change(order, manualDiscountValue=1).request_id

        with pytest.raises(ChangeRefusedError, match="did not stop"):
            shop.changes.retry(ERP, order.order_id, request_id, wish())
        with pytest.raises(ChangeRefusedError, match="did not stop"):
            shop.changes.cancel(ERP, order.order_id, request_id, {"reason": "x"})

    def test_is_looked_for_by_its_id(self, shop: ChangeShop) -> None:
        """Nobody retries a change that does not exist."""
        order = shop.handled()

        with pytest.raises(ChangeUnknownError) as refusal:
            shop.changes.retry(ERP, order.order_id, "nothing", wish())
        assert refusal.value.code == "CHK0289"


class TestKnownIssues:
    def test_a_change_may_come_to_nothing_in_silence(self) -> None:
        """KI-1275957: the change is canceled, and nothing says why."""
        shop = ChangeShop("KI-1275957")
        order = shop.handled()
        value = order.value
        asked = shop.change(order, manualDiscountValue=100)

        assert (asked.status, asked.cancellation, asked.logs) == ("canceled", None, ())
        assert order.value == value

    def test_a_change_may_overtake_an_invoice(self) -> None:
        """KI-1348894: the invoices end up worth more than the order."""
        shop = ChangeShop("KI-1348894")
        order = shop.handled()
        asked = shop.ask(order, manualDiscountValue=100)
        shop.invoice(order)
        shop.wait()

        assert asked.status == "done"
        assert order.invoiced_value == order.value + 100
