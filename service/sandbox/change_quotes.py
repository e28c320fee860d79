"""What a request to change an order comes to: its lines, and what they are worth."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from service.sandbox.change_basket import Basket
from service.sandbox.change_bodies import (
    ChangeRegistration,
    ChangeWish,
    RegisteredLine,
    TakenItems,
    TakenLine,
)
from service.sandbox.change_records import ChangedLine, ChangeEffect, Operation
from service.sandbox.change_refusals import ChangedItemUnknownError, ChangeRefusedError
from service.sandbox.change_rules import Revision
from service.sandbox.change_supply import from_catalogue, supplied
from service.sandbox.items import Item
from service.sandbox.orders import Order, Shopper


def quote_registration(order: Order, body: ChangeRegistration) -> Revision:
    """Work out a change of the first version, whose author says what it is worth.

    Raises:
        ChangeRefusedError: It cannot be done to *order*.
    """
    change_id = f"{order.order_id}/{body.request_id}"
    basket = Basket(order, change_id, keeps_freight=True)
    removed = [
        line for wanted in body.items_removed or () for line in _drop(basket, wanted)
    ]
    added = [_supply(basket, order, wanted) for wanted in body.items_added or ()]
    items = basket.items()
    worth = _worth(items) - order.items_value
    operations = (
        *(Operation(kind="remove", removed=(line,)) for line in removed),
        *(Operation(kind="add", added=(line,)) for line in added),
    )
    effect = ChangeEffect(
        operations=operations,
        items=worth,
        shipping=0,
        manual=body.increment_value - body.discount_value - worth,
    )
    return Revision(items=items, effect=effect, shopper=order.shopper)


def _drop(basket: Basket, wanted: RegisteredLine) -> list[ChangedLine]:
    lines = [line for line in basket.lines() if line.sku == wanted.id]
    if not lines:
        raise ChangedItemUnknownError(f"The order has no item {wanted.id}")
    if wanted.quantity > sum(line.quantity for line in lines):
        raise ChangeRefusedError(f"The order has less of item {wanted.id}")
    left, dropped = wanted.quantity, []
    # The line with the price that was named goes first.
    for line in sorted(lines, key=lambda line: line.price != wanted.price):
        if quantity := min(left, line.quantity):
            left -= quantity
            taken = basket.take(line.unique_id, quantity)
            dropped.append(replace(taken, price=wanted.price))
    return dropped


def _supply(basket: Basket, order: Order, wanted: RegisteredLine) -> ChangedLine:
    like = next((line for line in order.items if line.sku == wanted.id), None)
    item = like or from_catalogue(wanted.id, beside=order.items[0])
    if item is None:
        raise ChangedItemUnknownError(f"The catalogue has no item {wanted.id}")
    return basket.put(replace(item, quantity=wanted.quantity, price=wanted.price))


def quote_wish(
    order: Order, wish: ChangeWish, change_id: str, *, keeps_freight: bool
) -> Revision:
    """Work out a change of the second version, from the order and the catalogue.

    Raises:
        ChangeRefusedError: It cannot be done to *order*.
    """
    basket = Basket(order, change_id, keeps_freight=keeps_freight)
    operations = tuple(_operations(basket, order, wish))
    manual = wish.increment - wish.discount
    if not operations and not manual:
        raise ChangeRefusedError("The request changes nothing", code="CHK0124")
    items = basket.items()
    effect = ChangeEffect(
        operations=operations,
        items=_worth(items) - order.items_value,
        shipping=sum(item.logistics.price for item in items) - order.shipping_value,
        manual=manual,
    )
    return Revision(items=items, effect=effect, shopper=_shopper(order.shopper, wish))


def _operations(basket: Basket, order: Order, wish: ChangeWish) -> Iterator[Operation]:
    for replacement in wish.replace or ():
        going = _named(basket, replacement.taken)
        beside = next(line for line in basket.lines() if line.unique_id in going)
        # First in, then out: a line of which some stays keeps its name.
        coming = supplied(order, replacement.put, beside=beside)
        added = tuple(basket.put(*line) for line in coming)
        yield Operation(kind="replace", removed=_take(basket, going), added=added)
    if wish.remove is not None:
        going = _named(basket, wish.remove)
        yield Operation(kind="remove", removed=_take(basket, going))
    if wish.add is not None:
        coming = supplied(order, wish.add)
        yield Operation(kind="add", added=tuple(basket.put(*line) for line in coming))


def _take(basket: Basket, going: Counter[str]) -> tuple[ChangedLine, ...]:
    return tuple(basket.take(name, quantity) for name, quantity in going.items())


def _named(basket: Basket, wanted: TakenItems) -> Counter[str]:
    going: Counter[str] = Counter()
    for taken in wanted.items:
        line = _find(basket.lines(), taken)
        going[line.unique_id] += taken.quantity
        if going[line.unique_id] > line.quantity:
            raise ChangeRefusedError(
                f"The order has {line.quantity} of item {line.sku}, no more can go",
                code="SalesOrderSystem011",
            )
    return going


def _find(lines: Iterable[Item], taken: TakenLine) -> Item:
    same = [line for line in lines if line.sku == taken.id]
    if not same:
        raise ChangeRefusedError(
            f"The order has no item {taken.id}", code="SalesOrderSystem010"
        )
    if taken.unique_id is not None:
        same = [line for line in same if line.unique_id == taken.unique_id]
    if len(same) != 1:
        raise ChangeRefusedError(
            f"Name one of the lines of item {taken.id} by its uniqueId",
            code="SalesOrderSystem026",
        )
    return same[0]


def _worth(items: Iterable[Item]) -> int:
    return sum(item.price * item.quantity for item in items)


def _shopper(shopper: Shopper, wish: ChangeWish) -> Shopper:
    for line in wish.lines_put():
        for profile in line.client_profile_data or ():
            shopper = replace(shopper, **profile.model_dump(exclude_none=True))
    return shopper
