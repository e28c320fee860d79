"""Invents orders: what somebody bought, how it travels and what will come of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from service.sandbox import flow
from service.sandbox.orders import Channel, Fate, Item, Logistics, Order
from service.sandbox.people import PICKUP_POINTS, invent_shopper

SELLERS: Final[Mapping[str, str]] = MappingProxyType(
    {"1": "Loja Sandbox", "sandboxpartner": "Parceira Sandbox"}
)
"""Id and name; "1" is the account itself."""

_PRODUCTS: Final = (
    ("2001", "Caneca Sandbox 300 ml", 3990),
    ("2002", "Camiseta Sandbox azul M", 7990),
    ("2003", "Caderno Sandbox pautado", 2490),
    ("2004", "Mochila Sandbox 20 l", 18990),
    ("2005", "Garrafa Sandbox 750 ml", 6490),
    ("2006", "Fone Sandbox sem fio", 24990),
    ("2007", "Abajur Sandbox", 12990),
    ("2008", "Tênis Sandbox 41", 29990),
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


class Wish(BaseModel):
    """What an order should be like; what is left out is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Literal["delivery", "pickup-in-point", "mixed"] | None = None
    items: Annotated[int, Field(ge=1, le=len(_PRODUCTS))] | None = None
    sellers: Annotated[int, Field(ge=1, le=len(SELLERS))] | None = None
    pickup_in: Annotated[float, Field(ge=0)] | None = None
    """Seconds until a pickup is ready."""
    fate: Literal["completed", "payment-denied", "canceled"] | None = None


def invent_order(
    account: str, number: int, wish: Wish, *, seed: int, speed: float, at: datetime
) -> Order:
    """Invent order *number* (from 0) of *account*; the seed decides all the rest."""
    first = Random(f"{seed}/{account}").randrange(10**12, 9 * 10**12)
    rng = Random(f"{seed}/{account}/{number}")
    return Order(
        account=account,
        order_id=f"{first + number}-01",
        sequence=str(500_001 + number),
        shopper=invent_shopper(number, rng=rng),
        items=_items(wish, rng=rng, speed=speed, at=at),
        discount=rng.choice((0, 0, 0, 500, 1000)),
        fate=_fate(wish, rng=rng),
        created_at=at,
        status=flow.FIRST,
        entered_at=at,
        changed_at=at,
    )


def _items(wish: Wish, *, rng: Random, speed: float, at: datetime) -> tuple[Item, ...]:
    count = wish.items or rng.choice((1, 1, 1, 2, 2, 3))
    channels = _channels(wish.channel, rng=rng)
    count = max(count, len(channels))
    sellers = list(SELLERS)[: wish.sellers or rng.choice((1, 1, 1, 2))]
    sla = rng.choice(_SLAS)
    pickup_at = _pickup_at(wish.pickup_in, rng=rng, speed=speed, at=at)
    return tuple(
        Item(
            sku=sku,
            product_id=sku.replace("20", "10", 1),
            name=name,
            quantity=rng.choice((1, 1, 1, 2, 3)),
            list_price=price,
            price=price - price % 1000 // 2,
            seller=sellers[index % len(sellers)],
            logistics=(
                _pickup(pickup_at, rng=rng)
                if channels[index % len(channels)] == "pickup-in-point"
                else _delivery(sla, at=at)
            ),
        )
        for index, (sku, name, price) in enumerate(rng.sample(_PRODUCTS, count))
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
    fate = (
        wish.fate
        or rng.choices(("completed", "payment-denied", "canceled"), weights=(93, 3, 4))[
            0
        ]
    )
    asks_sellers = rng.choice((True, False, False))
    if fate == "payment-denied":
        return Fate(
            asks_sellers=asks_sellers,
            cancelled_in="approve-payment",
            cancelled_by="payment",
        )
    if fate == "canceled":
        chosen = rng.choice(("payment-pending", "payment-approved", "window-to-cancel"))
        return Fate(asks_sellers=asks_sellers, cancelled_in=chosen)
    return Fate(asks_sellers=asks_sellers)
