"""Whatever is asked of an order's changes, its value and its lines stay in order."""

from collections.abc import Mapping
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from change_kit import ERP, ChangeShop, lines, priced, registration, wish
from sandbox_kit import Body
from service.sandbox.change_refusals import ChangeRefusedError
from service.sandbox.change_summary import summary
from service.sandbox.document import order_document
from service.sandbox.orders import Order
from service.sandbox.refusals import InvalidBodyError, NotAllowedError

SKUS = st.sampled_from(["2001", "2002", "2003", "2004", "2005"])
CENTS = st.integers(0, 4000)
UNITS = st.integers(1, 3)
LINES = st.lists(st.builds(priced, SKUS, CENTS, UNITS), max_size=1)

REGISTRATIONS = st.fixed_dictionaries(
    {
        "requestId": st.sampled_from("abcdef"),
        "discountValue": CENTS,
        "incrementValue": CENTS,
        "itemsRemoved": LINES,
        "itemsAdded": LINES,
    }
)
PARTS = st.builds(
    lambda sku, units, price: lines(sku, quantity=units, price=price),
    SKUS,
    UNITS,
    st.none() | CENTS,
)
WISHES = st.fixed_dictionaries(
    {"manualDiscountValue": CENTS, "manualIncrementValue": CENTS},
    optional={
        "add": PARTS,
        "remove": PARTS,
        "replace": st.lists(
            st.builds(lambda taken, put: {"from": taken, "to": put}, PARTS, PARTS),
            min_size=1,
            max_size=2,
        ),
        "settings": st.booleans().map(
            lambda on: {"pipelineConfiguration": {"compensateShippingChanges": on}}
        ),
    },
)
INVOICES = st.fixed_dictionaries(
    {"percent": st.sampled_from([1, 50, 99]), "by_item": st.booleans()}
)
"""A share of what is not invoiced yet, with an item or without."""


class Books:
    """An order, and what it should be worth."""

    def __init__(self) -> None:
        self.shop = ChangeShop()
        self.order = self.shop.handled()
        self.value = self.order.value
        self._invoices = 0
        self._packed: dict[str, list[str]] = {}

    def register(self, body: Body) -> None:
        known = {change.request_id for change in self.order.registered_changes}
        try:
            self.shop.changes.register(ERP, self.order.order_id, registration(**body))
        except (ChangeRefusedError, InvalidBodyError):
            return
        if body["requestId"] not in known:
            self.value += cast("Any", body["incrementValue"])
            self.value -= cast("Any", body["discountValue"])

    def change(self, body: Body) -> None:
        before = len(self.order.change_requests)
        try:
            self.shop.changes.request(ERP, self.order.order_id, wish(**body))
        except ChangeRefusedError:
            return
        self.shop.wait()
        (request,) = self.order.change_requests[before:]
        if request.status == "done":
            self.value += request.effect.total

    def invoice(self, percent: int, *, by_item: bool) -> None:
        value = (self.value - self.order.invoiced_value) * percent // 100
        self._invoices += 1
        number = f"NF{self._invoices}"
        items = self.order.items[:1] if by_item else ()
        named = [{"id": i.sku, "price": i.price, "quantity": 1} for i in items]
        try:
            self.shop.invoice(self.order, number, invoiceValue=value, items=named)
        except NotAllowedError:
            return
        self._packed[number] = [item.sku for item in items]
        self.shop.wait()

    def check(self) -> None:
        order = self.order
        assert order.value == self.value
        assert self.value == sum(
            t["value"] for t in told(order_document(order))["totals"]
        )
        assert order.invoiced_value <= self.value
        assert all(item.quantity > 0 for item in order.items)
        assert all(item.logistics.price >= 0 for item in order.items)
        names = [order.unique_id(index) for index in range(len(order.items))]
        assert len(set(names)) == len(names)
        for number, skus in self._packed.items():
            package = order.package(number)
            assert package is not None
            assert [order.items[i.item_index].sku for i in package.items] == skus
        aggregated = told(summary(order))["totalChangeValueAggregated"]
        assert aggregated == order.value - first_value(order)


def told(document: Mapping[str, object]) -> Any:
    return cast("Any", document)


def first_value(order: Order) -> int:
    bought = order.original_items or order.items
    goods = sum(i.price * i.quantity + i.logistics.price for i in bought)
    return goods - order.discount


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(REGISTRATIONS | INVOICES, max_size=8))
def test_first_version_moves_the_value_by_what_it_says(steps: list[Body]) -> None:
    """The value is what the accepted changes make of it, and not below the invoices."""
    books = Books()
    for step in steps:
        follow(books, step, books.register)
        books.check()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(WISHES | INVOICES, max_size=6))
def test_second_version_moves_the_value_by_its_lines(steps: list[Body]) -> None:
    """The value is items, shipping and adjustments, and not below the invoices."""
    books = Books()
    for step in steps:
        follow(books, step, books.change)
        books.check()


def follow(books: Books, step: Body, change: Any) -> None:
    if "by_item" in step:
        invoice = told(step)
        books.invoice(invoice["percent"], by_item=invoice["by_item"])
    else:
        change(step)
