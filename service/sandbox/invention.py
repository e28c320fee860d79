"""Invents orders: what somebody bought, how it travels and what will come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.items import Channel, Item, Logistics
from service.sandbox.orders import NO_STATUS, Fate, Flow, Order
from service.sandbox.people import PICKUP_POINTS, invent_operator, invent_shopper

OWN_SELLER: Final = "1"
"""The account itself."""
PARTNER: Final = "sandboxpartner"
EXTERNAL_SELLER: Final = "sandboxexternal"
SELLERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        OWN_SELLER: "Loja Sandbox",
        PARTNER: "Parceira Sandbox",
        EXTERNAL_SELLER: "Vendedora Sandbox",
    }
)
"""Id and name."""

PRODUCTS: Final = (
    ("2001", "Caneca Sandbox 300 ml", 3990),
    ("2002", "Camiseta Sandbox azul M", 7990),
    ("2003", "Caderno Sandbox pautado", 2490),
    ("2004", "Mochila Sandbox 20 l", 18990),
    ("2005", "Garrafa Sandbox 750 ml", 6490),
    ("2006", "Fone Sandbox sem fio", 24990),
    ("2007", "Abajur Sandbox", 12990),
    ("2008", "Tênis Sandbox 41", 29990),
)


class Product(NamedTuple):
    """What the catalogue knows of a SKU; prices are cents a unit."""

    sku: str
    product_id: str
    name: str
    list_price: int
    price: int


def find_product(sku: str) -> Product | None:
    """Return what the catalogue knows of *sku*."""
    return next((_product(*known) for known in PRODUCTS if known[0] == sku), None)


def _product(sku: str, name: str, list_price: int) -> Product:
    return Product(
        sku=sku,
        product_id=sku.replace("20", "10", 1),
        name=name,
        list_price=list_price,
        price=list_price - list_price % 1000 // 2,
    )


class _Sla(NamedTuple):
    name: str
    courier: str
    estimate: str
    days: int
    price: int


_SLAS: Final = (
    _Sla("Normal", "Correios PAC", "5bd", 7, 1290),
    _Sla("Expressa", "Transportadora Sandbox", "2bd", 2, 2490),
)
_PICKUP: Final = _Sla("Retirada", "Frota Sandbox", "1bd", 1, 0)


_LONGEST: Final = 366 * 86_400.0
"""Seconds until a pickup that somebody wishes for can be ready."""


class Wish(BaseModel):
    """What an order should be like; what is left out is drawn."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    channel: Literal["delivery", "pickup-in-point", "mixed"] | None = None
    """How it travels."""
    items: Annotated[int, Field(ge=1, le=len(PRODUCTS))] | None = None
    """How many lines it has."""
    sellers: Annotated[int, Field(ge=1, le=len(SELLERS))] | None = None
    """From how many sellers they are."""
    pickup_in: Annotated[float, Field(ge=0, le=_LONGEST)] | None = None
    """Seconds until a pickup is ready."""
    fate: (
        Literal[
            "completed",
            "payment-denied",
            "payment-changed",
            "canceled",
            "replaced",
            "create-error",
        ]
        | None
    ) = None
    """What comes of it, whatever its merchant does."""
    flow: Flow | Literal["any"] | None = None
    """The flow of the order; `any`: drawn, for all of a purchase; else by its sellers."""
    external_seller: bool = False
    """Its seller has no VTEX account."""
    external_marketplace: bool = False
    """It was sold by a marketplace outside VTEX."""
    multilevel: bool = False
    """Its seller's stock is another seller's."""
    window_to_cancel: Annotated[float, Field(ge=0, le=_LONGEST)] | None = None
    """Seconds in `window-to-cancel`, at any speed; an account's default is 1800."""
    wms: bool = False
    """A warehouse system takes it before it is handled."""
    pick_and_pack: bool = False
    """Its shop picks it before it is invoiced."""
    manual_authorization: bool = False
    """Its seller has to look at the prices."""
    stalled: Literal["authorize-fulfillment", "waiting-for-fulfillment"] | None = None
    """Where it stays until the platform cancels it."""
    incomplete: bool = False
    """Its payment never began."""
    operator: Annotated[str, Field(min_length=1)] | None = None
    """Who placed it on the telephone, for the shopper."""
    in_store: bool = False
    """It was bought in a shop."""
    utm_source: str | None = None
    """The campaign that it came from."""


def invent_order(
    account: str, number: int, wish: Wish, *, seed: int, speed: float, at: datetime
) -> Order:
    """Invent order *number* (from 0) of *account*; the seed decides all the rest."""
    first = Random(f"{seed}/{account}").randrange(10**12, 9 * 10**12)
    rng = Random(f"{seed}/{account}/{number}")
    return Order(
        account=account,
        order_id=f"{first + number}-01",
        group=str(first + number),
        sequence=sequence_of(number),
        shopper=invent_shopper(number, rng=rng),
        items=_items(wish, rng=rng, speed=speed, at=at),
        discount=rng.choice((0, 0, 0, 500, 1000)),
        fate=_fate(wish, rng=rng),
        created_at=at,
        status=NO_STATUS,
        entered_at=at,
        changed_at=at,
        operator=invent_operator(wish.operator) if wish.operator else None,
        is_in_store=wish.in_store,
        utm_source=wish.utm_source,
    )


def sequence_of(number: int) -> str:
    """Return what order *number* of an account is called for short."""
    return str(500_001 + number)


def _items(wish: Wish, *, rng: Random, speed: float, at: datetime) -> tuple[Item, ...]:
    count = wish.items or rng.choice((1, 1, 1, 2, 2, 3))
    channels = _channels(wish.channel, rng=rng)
    count = max(count, len(channels), wish.sellers or 1)
    sellers = list(SELLERS)[: wish.sellers or rng.choice((1, 1, 1, 2))]
    sla = rng.choice(_SLAS)
    pickup_at = _pickup_at(wish.pickup_in, rng=rng, speed=speed, at=at)
    return tuple(
        Item(
            **product._asdict(),
            quantity=rng.choice((1, 1, 1, 2, 3)),
            seller=sellers[index % len(sellers)],
            logistics=(
                _pickup(pickup_at, rng=rng)
                if channels[index % len(channels)] == "pickup-in-point"
                else _delivery(sla, at=at)
            ),
        )
        for index, product in enumerate(
            _product(*known) for known in rng.sample(PRODUCTS, count)
        )
    )


def _channels(wished: str | None, *, rng: Random) -> Sequence[Channel]:
    chosen = (
        wished
        or rng.choices(("delivery", "pickup-in-point", "mixed"), weights=(62, 30, 8))[0]
    )
    if chosen == "mixed":
        return ("delivery", "pickup-in-point")
    return ("pickup-in-point",) if chosen == "pickup-in-point" else ("delivery",)


def _delivery(sla: _Sla, *, at: datetime) -> Logistics:
    return Logistics(
        channel="delivery",
        sla=sla.name,
        courier=sla.courier,
        estimate=sla.estimate,
        estimate_at=at + timedelta(days=sla.days),
        price=sla.price,
    )


def _pickup(ready_at: datetime | None, *, rng: Random) -> Logistics:
    return Logistics(
        channel="pickup-in-point",
        sla=_PICKUP.name,
        courier=_PICKUP.courier,
        estimate=_PICKUP.estimate,
        estimate_at=ready_at,
        price=_PICKUP.price,
        pickup_point=rng.choice(PICKUP_POINTS),
    )


def _pickup_at(
    wished: float | None, *, rng: Random, speed: float, at: datetime
) -> datetime | None:
    if wished is not None:
        return at + timedelta(seconds=wished)
    kind = rng.choices(("now", "soon", "later"), weights=(25, 50, 25))[0]
    if kind == "now":
        return None
    if kind == "soon":
        return at + timedelta(seconds=rng.uniform(20, 60) / speed)
    return at + timedelta(days=rng.randint(1, 5))


def _fate(wish: Wish, *, rng: Random) -> Fate:
    kinds = ("completed", "payment-denied", "canceled")
    kind = wish.fate or rng.choices(kinds, weights=(93, 3, 4))[0]
    fate = Fate(
        asks_sellers=rng.choice((True, False, False)),
        pays_otherwise=kind == "payment-changed",
        fails=kind == "create-error",
        has_wms=wish.wms or wish.stalled == "waiting-for-fulfillment",
        is_picked=wish.pick_and_pack,
        cancel_window=wish.window_to_cancel,
        diverges=wish.manual_authorization,
        stalls_in=wish.stalled,
        replaced_in="payment-pending" if kind == "replaced" else None,
    )
    if kind == "payment-denied":
        return replace(fate, cancelled_in="approve-payment", cancelled_by="payment")
    if kind == "canceled":
        chosen = rng.choice(("payment-pending", "payment-approved", "window-to-cancel"))
        return replace(fate, cancelled_in=chosen)
    return fate
