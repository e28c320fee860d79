"""Changes of the first version: at once, worth what their author says."""

import pytest

from change_kit import ERP, ChangeShop, absent, priced
from sandbox_kit import bring, invoice_body
from service.sandbox import calls
from service.sandbox.change_refusals import ChangedItemUnknownError, ChangeRefusedError
from service.sandbox.change_rules import LARGEST_NUMBER
from service.sandbox.invention import Wish
from service.sandbox.refusals import InvalidBodyError, NotAllowedError


@pytest.fixture
def shop() -> ChangeShop:
    return ChangeShop()


class TestRegister:
    def test_moves_the_value_by_discount_and_increment(self, shop: ChangeShop) -> None:
        """The order is worth so much less or more as the request says."""
        order = shop.handled()
        value = order.value
        shop.register(order, discountValue=300, incrementValue=50)

        assert order.value == value - 250

    def test_takes_items_out(self, shop: ChangeShop) -> None:
        """A line of which nothing stays is gone; the value moves by the discount."""
        order = shop.handled()
        gone, stays = order.items
        value = order.value
        shop.register(
            order,
            itemsRemoved=[priced(gone.sku, gone.price, gone.quantity)],
            discountValue=gone.price * gone.quantity,
        )

        assert [item.sku for item in order.items] == [stays.sku]
        assert order.value == value - gone.price * gone.quantity

    def test_puts_items_in(self, shop: ChangeShop) -> None:
        """An item of the catalogue becomes a line at the price that was named."""
        order = shop.handled()
        sku = absent(order)
        shop.register(
            order,
            itemsAdded=[priced(sku, 500, 2)],
            discountValue=0,
            incrementValue=1000,
        )

        line = order.items[-1]
        assert (line.sku, line.price, line.quantity) == (sku, 500, 2)

    def test_adds_to_a_line_that_is_alike(self, shop: ChangeShop) -> None:
        """More of an item at its own price does not make another line."""
        order = shop.handled()
        first = order.items[0]
        shop.register(order, itemsAdded=[priced(first.sku, first.price)])

        assert len(order.items) == 2
        assert order.items[0].quantity == first.quantity + 1

    def test_leaves_the_freight(self, shop: ChangeShop) -> None:
        """What is paid for shipping does not follow the lines."""
        order = shop.handled()
        gone, freight = order.items[0], order.shipping_value
        removed = priced(gone.sku, gone.price, gone.quantity)
        added = priced(absent(order), 500)
        shop.register(order, itemsRemoved=[removed], itemsAdded=[added])

        assert order.shipping_value == freight

    def test_counts_a_request_id_once(self, shop: ChangeShop) -> None:
        """The same id again changes nothing, and gives the same receipt."""
        order = shop.handled()
        first = shop.register(order, discountValue=100)
        value = order.value
        again = shop.register(order, discountValue=900)

        assert again == first
        assert order.value == value
        assert shop.oms.ledger()[-1].outcome == "repeated"

    def test_gives_each_change_a_receipt(self, shop: ChangeShop) -> None:
        """Two changes have two receipts."""
        order = shop.handled()
        first = shop.register(order, requestId="a")

        assert shop.register(order, requestId="b").receipt != first.receipt

    def test_is_in_the_ledger(self, shop: ChangeShop) -> None:
        """The entry tells the request and what the order is worth now."""
        order = shop.handled()
        shop.register(order)

        entry = shop.oms.ledger()[-1]
        assert (entry.kind, entry.outcome, entry.detail["value"]) == (
            "change",
            "done",
            order.value,
        )

    def test_leads_to_invoiced_when_the_rest_is_invoiced(
        self, shop: ChangeShop
    ) -> None:
        """Once nothing is left to invoice, the order goes on by itself."""
        order = shop.handled()
        shop.invoice(order, invoiceValue=order.value - 500, items=[])
        bring(shop.oms, shop.clock, order, "handling")
        shop.register(order, discountValue=500)
        bring(shop.oms, shop.clock, order, "invoiced")

        assert order.invoiced_value == order.value

    def test_keeps_the_packages_with_their_lines(self, shop: ChangeShop) -> None:
        """A package holds the same item after the lines before it went."""
        order = shop.handled()
        gone, packed = order.items
        line = {"id": packed.sku, "price": packed.price, "quantity": packed.quantity}
        shop.invoice(order, invoiceValue=100, items=[line])
        bring(shop.oms, shop.clock, order, "handling")
        shop.register(order, itemsRemoved=[priced(gone.sku, gone.price, gone.quantity)])

        index = order.packages[0].items[0].item_index
        assert order.items[index].sku == packed.sku


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"discountValue": -1}, "discountValue"),
            ({"incrementValue": "ten"}, "incrementValue"),
            ({"reason": " "}, "reason"),
            ({"requestId": None}, "requestId"),
            (
                {"itemsRemoved": [{"id": "", "price": 1, "quantity": 1}]},
                "itemsRemoved.0.id",
            ),
            ({"itemsAdded": [{"id": "2001", "price": 1}]}, "itemsAdded.0.quantity"),
            ({"discountValue": 0}, "body"),
            ({"discountValue": 2**31}, "discountValue"),
        ],
    )
    def test_name_what_is_wrong(
        self, shop: ChangeShop, changes: dict[str, object], field: str
    ) -> None:
        """A request that cannot be read changes nothing and says where."""
        order = shop.handled()
        value = order.value

        with pytest.raises(InvalidBodyError) as refusal:
            shop.register(order, **changes)
        assert field in refusal.value.faults
        assert (order.value, order.registered_changes) == (value, [])

    def test_come_after_fifty_changes(self, shop: ChangeShop) -> None:
        """The fifty-first change of an order is refused."""
        order = shop.handled()
        for number in range(LARGEST_NUMBER):
            shop.register(order, requestId=str(number), discountValue=1)

        with pytest.raises(ChangeRefusedError, match="at most 50"):
            shop.register(order, requestId="one more", discountValue=1)

    @pytest.mark.parametrize("status", ["payment-approved", "ready-for-handling"])
    def test_come_outside_the_statuses_of_changes(
        self, shop: ChangeShop, status: str
    ) -> None:
        """Who sells by himself changes an order where it is handled, nowhere else."""
        order = shop.order_in(status)

        with pytest.raises(ChangeRefusedError, match=status) as refusal:
            shop.register(order)
        assert refusal.value.code == "CHK0124"

    def test_come_for_chain_orders(self, shop: ChangeShop) -> None:
        """The marketplace above a chain order changes it, nobody else."""
        order = shop.order_in("payment-approved", Wish(flow="chain", fate="completed"))

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.register(order)
        assert refusal.value.code == "CHK0095"

    def test_come_after_the_last_invoice(self, shop: ChangeShop) -> None:
        """What is invoiced wholly is not changed any more."""
        order = shop.handled()
        shop.invoice(order)

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.register(order)
        assert refusal.value.code == "SalesOrderSystem046"

    def test_come_below_what_is_invoiced(self, shop: ChangeShop) -> None:
        """The order is never worth less than its invoices."""
        order = shop.handled()
        shop.invoice(order, invoiceValue=order.value - 100, items=[])
        bring(shop.oms, shop.clock, order, "handling")

        with pytest.raises(ChangeRefusedError, match="invoiced"):
            shop.register(order, discountValue=101)

    def test_come_below_nothing(self, shop: ChangeShop) -> None:
        """Nobody is paid for an order."""
        order = shop.handled()

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.register(order, discountValue=order.value + 1)
        assert refusal.value.code == "CHK0034"

    def test_come_for_items_that_are_not_there(self, shop: ChangeShop) -> None:
        """An item that goes is in the order, one that comes in the catalogue."""
        order = shop.handled()

        with pytest.raises(ChangedItemUnknownError, match="order has no item"):
            shop.register(order, itemsRemoved=[priced(absent(order), 1)])
        with pytest.raises(ChangedItemUnknownError, match="catalogue has no item"):
            shop.register(order, itemsAdded=[priced("9999", 1)])

    def test_come_for_more_than_is_there(self, shop: ChangeShop) -> None:
        """Of three units nobody takes four."""
        order = shop.handled()
        line = order.items[0]

        with pytest.raises(ChangeRefusedError, match="less of item"):
            shop.register(
                order, itemsRemoved=[priced(line.sku, line.price, line.quantity + 1)]
            )

    def test_come_for_the_last_line(self, shop: ChangeShop) -> None:
        """An order without items is cancelled, not changed."""
        order = shop.handled()
        everything = [priced(i.sku, i.price, i.quantity) for i in order.items]

        with pytest.raises(ChangeRefusedError, match="cancel it"):
            shop.register(order, itemsRemoved=everything)

    def test_come_for_items_that_are_invoiced(self, shop: ChangeShop) -> None:
        """Units that are on an invoice stay in the order."""
        order = shop.handled()
        line = order.items[0]
        packed = {"id": line.sku, "price": line.price, "quantity": line.quantity}
        shop.invoice(order, invoiceValue=100, items=[packed])
        bring(shop.oms, shop.clock, order, "handling")

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.register(order, itemsRemoved=[priced(line.sku, line.price)])
        assert refusal.value.code == "SalesOrderSystem046"

    def test_come_where_the_second_version_was_used(self, shop: ChangeShop) -> None:
        """An order has changes of one version alone."""
        order = shop.handled()
        shop.change(order, manualDiscountValue=1)

        with pytest.raises(ChangeRefusedError) as refusal:
            shop.register(order)
        assert refusal.value.code == "SalesOrderSystem015"

    def test_do_not_come_for_a_change_that_was_canceled(self, shop: ChangeShop) -> None:
        """A change of the second version that came to nothing does not count."""
        order = shop.handled()
        shop.faults.names.add("KI-1275957")
        shop.change(order, manualDiscountValue=1)
        value = order.value
        shop.register(order, discountValue=100)

        assert order.value == value - 100


class TestKnownIssues:
    def test_no_invoice_by_item_after_items_went(self) -> None:
        """KI-784171: once items were taken out, only the whole can be invoiced."""
        shop = ChangeShop("KI-784171")
        order = shop.handled()
        gone = order.items[0]
        shop.register(order, itemsRemoved=[priced(gone.sku, gone.price)])

        with pytest.raises(NotAllowedError, match="by its items"):
            shop.invoice(order)
        shop.invoice(order, items=[])
        assert order.invoiced_value == order.value

    def test_invoices_lose_what_was_put_in(self) -> None:
        """KI-412526: the lines that a change put in are in no package."""
        shop = ChangeShop("KI-412526")
        order = shop.handled()
        sku = absent(order)
        shop.register(order, itemsAdded=[priced(sku, 100)], incrementValue=200)
        shop.oms.carry_out(ERP, order.order_id, calls.invoice(invoice_body(order)))

        packed = {order.items[i.item_index].sku for i in order.packages[0].items}
        assert packed == {item.sku for item in order.items} - {sku}


class TestTwins:
    def test_both_sides_of_a_sale_change(self, shop: ChangeShop) -> None:
        """A change of the seller's order is one of the marketplace's too."""
        sale = shop.order_in(
            "payment-approved", Wish(flow="marketplace", fate="completed", items=2)
        )
        value = sale.value
        shop.register(sale, discountValue=100)

        assert sale.twin is not None
        twin = shop.oms.order(sale.account, sale.twin)
        assert (sale.value, twin.value) == (value - 100, value - 100)
        assert twin.registered_changes == sale.registered_changes

    def test_another_seller_takes_the_changes_over(self, shop: ChangeShop) -> None:
        """Whoever takes a changed sale over sells what it was changed to."""
        sale = shop.order_in(
            "payment-approved", Wish(flow="marketplace", fate="completed", items=2)
        )
        change = shop.register(sale, discountValue=100)
        assert sale.twin is not None
        shop.oms.carry_out(ERP, sale.twin, calls.cancel({"reason": "no stock"}))
        bring(shop.oms, shop.clock, sale, "window-to-change-seller")
        taken = shop.oms.change_seller(sale.account, sale.order_id, "other")
        shop.wait(60)

        assert taken.value == sale.value
        assert taken.registered_changes == sale.registered_changes == [change]
