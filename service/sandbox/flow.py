"""How an order of the complete flow goes on by itself, and how long it stays."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from service.sandbox.orders import Order

FIRST: Final = "order-created"
CANCEL: Final = "cancel"

AUTOMATIC: Final = frozenset(
    {FIRST, "start-handling", "invoice", "invoice-after-cancellation-deny", CANCEL}
)
"""Statuses that only the platform may leave: nobody can cancel there."""


class _Leg(NamedTuple):
    to: str
    shortest: float
    longest: float


_PATH: Final[Mapping[str, _Leg]] = MappingProxyType(
    {
        FIRST: _Leg("on-order-completed", 1, 3),
        "on-order-completed": _Leg("payment-pending", 1, 2),
        "waiting-for-authorization": _Leg("payment-pending", 1, 3),
        "payment-pending": _Leg("approve-payment", 2, 6),
        "approve-payment": _Leg("payment-approved", 1, 2),
        "payment-approved": _Leg("authorize-fulfillment", 1, 2),
        "authorize-fulfillment": _Leg("window-to-cancel", 0.5, 1),
        "window-to-cancel": _Leg("ready-for-handling", 2, 5),
        "start-handling": _Leg("handling", 0.3, 0.8),
        "invoice-after-cancellation-deny": _Leg("invoice", 0.3, 0.8),
        "invoice": _Leg("invoiced", 0.5, 1.5),
        CANCEL: _Leg("canceled", 0.5, 1.5),
    }
)
"""Seconds at speed 1; a status that is not here waits for a call."""


def dwell(order: Order, *, rng: Random, speed: float) -> timedelta | None:
    """Say how long *order* stays in its status; None: until a call moves it."""
    leg = _PATH.get(order.status)
    if leg is None:
        return None
    return timedelta(seconds=rng.uniform(leg.shortest, leg.longest) / speed)


def destination(order: Order) -> str:
    """Say where *order* goes when its time in its status is over."""
    if order.status == order.fate.cancelled_in:
        return CANCEL
    if order.status == "on-order-completed" and order.fate.asks_sellers:
        return "waiting-for-authorization"
    if order.status == "invoice" and order.invoiced_value < order.value:
        return "handling"
    return _PATH[order.status].to


def domain_of(order: Order) -> Literal["Marketplace", "Fulfillment"]:
    """Name the side of the platform that reports *order*."""
    return "Fulfillment" if order.fulfilling else "Marketplace"
