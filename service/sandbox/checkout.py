"""Checkout: carts and asked-for purchases become orders, the rest of which is invented."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from typing_extensions import override

from service.sandbox.checkout_bodies import (
    Address,
    CartItem,
    ChosenDelivery,
    ClientProfile,
    Purchase,
)
from service.sandbox.custom_data import AskedData, CartData
from service.sandbox.invention import PRODUCTS, Wish, invent_order
from service.sandbox.items import Item, Logistics, Place
from service.sandbox.keeping import Document, Kept
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import CustomData, Fate, Order, Shopper
from service.sandbox.people import PICKUP_POINTS
from service.sandbox.purchase import split
from service.sandbox.refusals import (
    CartEmptyError,
    CartUnknownError,
    OrderUnknownError,
)

_CATALOGUE: Final[Mapping[str, tuple[str, int]]] = {
    sku: (name, price) for sku, name, price in PRODUCTS
}
_UNLISTED_PRICE: Final = 9990

_CART: Final = TypeAdapter(tuple[CartItem, ...])


class Checkout(Kept):
    """Makes carts and orders; an order waits without a workflow until it is processed."""

    part = "checkout"

    def __init__(self, oms: Oms) -> None:
        self.custom = CartData()
        self._oms = oms
        self._carts: dict[str, tuple[CartItem, ...]] = {}
        self._touched: set[str] = set()

    def open_cart(self, account: str) -> str:
        """Open an empty cart, and return its id."""
        cart = f"{account}-{len(self._carts) + 1:08}"
        self._put(cart, ())
        return cart

    def cart(self, account: str, cart: str) -> Sequence[CartItem]:
        """Return what is in a cart.

        Raises:
            CartUnknownError: The account has no such cart.
        """
        if cart not in self._carts or not cart.startswith(f"{account}-"):
            raise CartUnknownError(f"There is no cart {cart}")
        return self._carts[cart]

    def add(self, account: str, cart: str, items: Sequence[CartItem]) -> None:
        """Put *items* into a cart."""
        self._put(cart, (*self.cart(account, cart), *items))

    def buy_cart(self, caller: Caller, cart: str) -> Sequence[Order]:
        """Place an order of what is in a cart, which is empty then.

        Raises:
            RefusedError: There is no such cart, or nothing in it.
        """
        items = self.cart(caller.account, cart)
        if not items:
            raise CartEmptyError
        custom = self.custom.take(cart)
        orders = self.place(caller, Purchase(items=tuple(items)), custom=custom)
        self._put(cart, ())
        return orders

    def place(
        self,
        caller: Caller,
        purchase: Purchase,
        wish: Wish | None = None,
        *,
        called: str | None = None,
        custom: CustomData | None = None,
    ) -> Sequence[Order]:
        """Take in the orders of *purchase*, which its seller may have *called* something."""

        def make(number: int, at: datetime) -> Sequence[Order]:
            base = invent_order(
                caller.account,
                number,
                Wish(fate="completed", channel="delivery"),
                seed=self._oms.seed,
                speed=1.0,
                at=at,
            )
            _ask_for(base, purchase)
            base.group = called or base.group
            base.custom = custom or (purchase.custom_data or AskedData()).data()
            return split(base, wish or Wish(), number=number)

        return self._oms.take_in(caller, make)

    def process(self, account: str, group: str) -> None:
        """Let a purchase whose payment was sent begin; again changes nothing.

        Raises:
            OrderUnknownError: The account has no such purchase.
        """
        orders = self._oms.group(account, group)
        if not orders:
            raise OrderUnknownError
        if not self._oms.mishaps.strikes("KI-421137", orders[0]):
            self._oms.begin(orders)

    @override
    def changes(self) -> Mapping[str, Document | None]:
        touched, self._touched = self._touched, set()
        return {
            cart: {"items": _CART.dump_python(self._carts[cart], mode="json")}
            for cart in touched
        }

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for cart, document in documents.items():
            self._carts[cart] = _CART.validate_python(document["items"])

    def _put(self, cart: str, items: tuple[CartItem, ...]) -> None:
        self._carts[cart] = items
        self._touched.add(cart)


def price_of(item: CartItem) -> int:
    """Return what one of *item* costs: as asked, or as in the catalogue."""
    if item.price is not None:
        return item.price
    return _listed(item)[1]


def _listed(item: CartItem) -> tuple[str, int]:
    return _CATALOGUE.get(item.id, (f"SKU {item.id}", _UNLISTED_PRICE))


def _ask_for(base: Order, purchase: Purchase) -> None:
    """Let *base* be what *purchase* asks for, and keep the rest as invented."""
    chosen = {row.item_index: row for row in purchase.shipping_data.logistics_info}
    base.items = tuple(
        _item(item, base.items[0], chosen.get(index))
        for index, item in enumerate(purchase.items)
    )
    base.discount, base.fate = 0, Fate()
    address = purchase.shipping_data.address
    base.shopper = _shopper(base.shopper, purchase.client_profile_data, address)


def _item(asked: CartItem, like: Item, chosen: ChosenDelivery | None) -> Item:
    name, listed = _listed(asked)
    return Item(
        sku=asked.id,
        product_id=asked.id,
        name=name,
        quantity=asked.quantity,
        list_price=listed,
        price=price_of(asked),
        seller=asked.seller,
        logistics=_logistics(like.logistics, chosen),
    )


def _logistics(like: Logistics, chosen: ChosenDelivery | None) -> Logistics:
    if chosen is None:
        return like
    is_pickup = chosen.selected_delivery_channel == "pickup-in-point"
    return replace(
        like,
        channel=chosen.selected_delivery_channel or like.channel,
        sla=chosen.selected_sla or like.sla,
        estimate=chosen.shipping_estimate or like.estimate,
        estimate_at=chosen.shipping_estimate_date or like.estimate_at,
        price=like.price if chosen.price is None else chosen.price,
        pickup_point=PICKUP_POINTS[0] if is_pickup else None,
    )


def _shopper(like: Shopper, asked: ClientProfile, address: Address | None) -> Shopper:
    return replace(
        like,
        first_name=asked.first_name or like.first_name,
        last_name=asked.last_name or like.last_name,
        email=asked.email or like.email,
        phone=asked.phone or like.phone,
        document=asked.document or like.document,
        home=_home(like.home, address),
    )


def _home(like: Place, asked: Address | None) -> Place:
    if asked is None:
        return like
    given = asked.model_dump(exclude_none=True)
    return replace(like, **given)
