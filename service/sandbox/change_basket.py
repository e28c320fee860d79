"""The lines of an order while a change takes some out and puts others in."""

import hashlib
from collections import Counter
from dataclasses import replace

from service.sandbox.change_records import ChangedLine, ChosenShipping
from service.sandbox.change_refusals import ChangeRefusedError
from service.sandbox.change_rules import named_items
from service.sandbox.items import Item
from service.sandbox.orders import Order


class Basket:
    """A copy of an order's lines, each with a name of its own.

    Freight is paid by the line, so a line that goes takes its freight along; one that
    *keeps_freight* hands it to the lines that stay instead.
    """

    def __init__(self, order: Order, change_id: str, *, keeps_freight: bool) -> None:
        self._keeps_freight = keeps_freight
        self._change_id = change_id
        self._put = 0
        self._freight = order.shipping_value
        self._invoiced = _invoiced_units(order)
        self._lines = {item.unique_id: item for item in named_items(order)}

    def lines(self) -> list[Item]:
        """Return what is in it now."""
        return list(self._lines.values())

    def take(self, name: str, quantity: int) -> ChangedLine:
        """Take units of the line called *name* out.

        Raises:
            ChangeRefusedError: They are on an invoice already.
        """
        line = self._lines[name]
        left = line.quantity - quantity
        if left < self._invoiced[name]:
            raise ChangeRefusedError(
                f"Units of item {line.sku} are invoiced, they stay in the order",
                code="SalesOrderSystem046",
            )
        if left:
            self._lines[name] = replace(line, quantity=left)
        else:
            del self._lines[name]
        return changed_line(line, quantity)

    def put(self, item: Item, shipping: ChosenShipping | None = None) -> ChangedLine:
        """Put *item* in: more units of a line that is like it, or a line of its own."""
        like = self._like(item)
        if like is not None:
            line = replace(like, quantity=like.quantity + item.quantity)
        else:
            line = self._named(item)
        self._lines[line.unique_id] = line
        return changed_line(line, item.quantity, shipping)

    def items(self) -> tuple[Item, ...]:
        """Return the lines that the order has after the change.

        Raises:
            ChangeRefusedError: Nothing would be left of it.
        """
        items = self.lines()
        if not items:
            raise ChangeRefusedError(
                "Nothing would be left of the order; cancel it instead",
                code="CHK0124",
            )
        if self._keeps_freight:
            logistics = items[0].logistics
            lost = self._freight - sum(item.logistics.price for item in items)
            logistics = replace(logistics, price=logistics.price + lost)
            items[0] = replace(items[0], logistics=logistics)
        return tuple(items)

    def _like(self, item: Item) -> Item | None:
        alike = (
            line
            for line in self.lines()
            if replace(line, quantity=item.quantity, unique_id=item.unique_id) == item
        )
        return next(alike, None)

    def _named(self, item: Item) -> Item:
        self._put += 1
        name = hashlib.sha256(f"{self._change_id}/{self._put}".encode()).hexdigest()
        item = replace(item, unique_id=name[:32].upper())
        if self._keeps_freight:
            return replace(item, logistics=replace(item.logistics, price=0))
        return item


def changed_line(
    item: Item, quantity: int, shipping: ChosenShipping | None = None
) -> ChangedLine:
    """Note that *quantity* units of *item* go out or come in."""
    return ChangedLine(
        unique_id=item.unique_id,
        sku=item.sku,
        product_id=item.product_id,
        name=item.name,
        seller=item.seller,
        quantity=quantity,
        list_price=item.list_price,
        price=item.price,
        shipping=shipping,
    )


def _invoiced_units(order: Order) -> Counter[str]:
    units: Counter[str] = Counter()
    for package in order.sold_packages:
        for packed in package.items:
            units[order.unique_id(packed.item_index)] += packed.quantity
    return units
