"""A purchase becomes orders: one for the account's own items, a pair for each seller's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from service.sandbox.change_rules import share
from service.sandbox.invention import (
    EXTERNAL_SELLER,
    OWN_SELLER,
    PARTNER,
    Wish,
    invent_order,
    sequence_of,
)
from service.sandbox.items import Item
from service.sandbox.orders import NO_STATUS, Flow, Order

_DRAWN: Final = ("by seller", "marketplace", "chain")
_WEIGHTS: Final = (88, 7, 5)
_LATEST_CANCELLATION: Final = "payment-pending"
_UPSTREAM_PAYMENT: Final = "waiting-for-mkt-authorization"


def invent_purchase(
    account: str, number: int, wish: Wish, *, seed: int, speed: float, at: datetime
) -> list[Order]:
    """Invent the purchase that begins with order *number* of *account*.

    The order that *wish* is about comes first.
    """
    base = invent_order(account, number, wish, seed=seed, speed=speed, at=at)
    wish = _drawn(wish, rng=Random(f"{seed}/flow/{account}/{number}"))
    base.items = tuple(_sold_by(base.items, wish))
    orders = split(base, wish, number=number)
    orders.sort(key=lambda order: order.flow != wish.flow)
    return orders


def _drawn(wish: Wish, *, rng: Random) -> Wish:
    if wish.flow != "any":
        return wish
    drawn = rng.choices(_DRAWN, weights=_WEIGHTS)[0]
    special = rng.random()
    return wish.model_copy(
        update={
            "flow": None if drawn == "by seller" else drawn,
            "sellers": 2 if drawn == "by seller" else None,
            "external_seller": drawn == "marketplace" and special < 0.2,  # noqa: PLR2004
            "multilevel": drawn == "marketplace" and special > 0.8,  # noqa: PLR2004
        }
    )


def _sold_by(items: Sequence[Item], wish: Wish) -> Sequence[Item]:
    if wish.sellers and wish.sellers > 1 and wish.flow is None:
        return items
    seller = OWN_SELLER
    if wish.flow in {"marketplace", "seller", "chain"} or wish.multilevel:
        seller = PARTNER
    if wish.external_seller:
        seller = EXTERNAL_SELLER
    if wish.external_marketplace and wish.flow != "chain":
        seller = OWN_SELLER
    return [replace(item, seller=seller) for item in items]


def split(base: Order, wish: Wish, *, number: int) -> list[Order]:
    """Make the orders of a purchase from *base*, which holds all of its items."""
    orders: list[Order] = []
    sellers = list(dict.fromkeys(item.seller for item in base.items))
    group = _group(base, wish, sellers)
    for part, seller in enumerate(sellers, start=1):
        order = _part(base, seller, is_first=part == 1)
        order.group, order.order_id = group, f"{group}-{part:02}"
        order.sequence = sequence_of(number + len(orders))
        orders.append(order)
        if wish.external_marketplace and seller == OWN_SELLER:
            _sell_for(order)
        elif seller != OWN_SELLER:
            _become_sale(order, wish)
        if order.flow in {"marketplace", "chain"} and not order.has_external_seller:
            sequence = sequence_of(number + len(orders))
            orders.append(_seller_order(order, f"00-{order.order_id}", sequence))
    return orders


def _group(base: Order, wish: Wish, sellers: Sequence[str]) -> str:
    if wish.flow == "chain" or wish.external_marketplace:
        return f"MKP-{base.group}"
    return base.group if sellers == [OWN_SELLER] else f"v{base.group}"


def _part(base: Order, seller: str, *, is_first: bool) -> Order:
    items = tuple(item for item in base.items if item.seller == seller)
    order = _fresh(base)
    order.items = items
    order.discount = base.discount if is_first else 0
    return order


def _fresh(order: Order) -> Order:
    """Return *order* as it was when it was placed."""
    return Order(
        account=order.account,
        order_id=order.order_id,
        group=order.group,
        sequence=order.sequence,
        shopper=order.shopper,
        items=order.items,
        discount=order.discount,
        adjustment=order.adjustment,
        fate=order.fate,
        created_at=order.created_at,
        status=NO_STATUS,
        entered_at=order.created_at,
        changed_at=order.created_at,
        flow=order.flow,
        has_external_seller=order.has_external_seller,
        is_multilevel=order.is_multilevel,
        marketplace_order_id=order.marketplace_order_id,
        operator=order.operator,
        is_in_store=order.is_in_store,
        utm_source=order.utm_source,
        custom=order.custom,
    )


def _sell_for(order: Order) -> None:
    order.flow = "seller"
    order.marketplace_order_id = order.group.removeprefix("MKP-")
    order.fate = replace(order.fate, is_paid_upstream=True, cancelled_in=None)


def _become_sale(order: Order, wish: Wish) -> None:
    flow: Flow = "chain" if order.group.startswith("MKP-") else "marketplace"
    order.flow = flow
    order.has_external_seller = flow == "marketplace" and (
        wish.external_seller or order.items[0].seller == EXTERNAL_SELLER
    )
    order.is_multilevel = wish.multilevel
    end = _UPSTREAM_PAYMENT if flow == "chain" else _LATEST_CANCELLATION
    fate = order.fate
    order.fate = replace(
        fate,
        is_paid_upstream=flow == "chain",
        cancelled_in=(
            fate.cancelled_in
            if flow == "marketplace" and fate.cancelled_by == "payment"
            else fate.cancelled_in and end
        ),
        replaced_in=fate.replaced_in and end,
    )


def _seller_order(sale: Order, order_id: str, sequence: str) -> Order:
    order = _fresh(sale)
    order.flow = "seller"
    order.order_id, order.sequence, order.twin = order_id, sequence, sale.order_id
    order.fate = replace(
        sale.fate,
        fails=False,
        cancelled_in=None,
        replaced_in=None,
        is_paid_upstream=False,
    )
    sale.twin = order_id
    return order


def new_seller_order(sale: Order, seller: str, *, number: int, at: datetime) -> Order:
    """Give *sale*, whose seller cancelled, to *seller*."""
    sale.items = tuple(replace(item, seller=seller) for item in sale.items)
    sale.cancellation = None
    order = _seller_order(
        sale, f"00-{sale.order_id}-{number}", sequence=sequence_of(number)
    )
    order.created_at = at
    share(sale, order)
    return order


def replacement(order: Order, *, number: int, at: datetime) -> list[Order]:
    """Make the orders by which the shopper replaces *order*."""
    base = _fresh(order)
    base.group = f"{order.group}r{number}"
    base.order_id = f"{base.group}-01"
    base.sequence, base.created_at = sequence_of(number), at
    base.replaces = order.order_id
    base.fate = replace(order.fate, replaced_in=None)
    order.replaced_by = base.order_id
    if order.twin is None:
        return [base]
    twin = _seller_order(base, f"00-{base.order_id}", sequence_of(number + 1))
    return [base, twin]


def paid_unasked(orders: Sequence[Order]) -> list[Order]:
    """Return the sellers' orders among *orders*, whose sale they do not wait for."""
    sellers = [order for order in orders if order.flow == "seller"]
    for order in sellers:
        order.fate = replace(order.fate, is_paid_upstream=True)
    return sellers
