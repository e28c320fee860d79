"""The four order flows as tables: where an order goes by itself, and how long it stays."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from service.sandbox.orders import Flow, Order

CANCEL: Final = "cancel"
CANCELED: Final = "canceled"
REPLACED: Final = "replaced"
CREATION_ERROR: Final = "order-create-error"
ASKED: Final = "cancellation-requested"
DECIDING: Final = "waiting-for-seller-decision"
CHANGING_SELLER: Final = "window-to-change-seller"
CHANGING_PAYMENT: Final = "window-to-change-payment"
PICKED: Final = "ready-for-invoicing"

FIRST: Final[Mapping[Flow, str]] = MappingProxyType(
    {
        "complete": "order-created",
        "marketplace": "order-created",
        "seller": "on-order-completed-ffm",
        "chain": "order-created",
    }
)

AUTOMATIC: Final = frozenset(
    {
        "order-created",
        "order-accepted",
        "start-handling",
        "invoice",
        "invoice-after-cancellation-deny",
        "cancellation-request-denied",
        "cancellation-request-denied-ffm",
        CANCEL,
    }
)
"""Statuses that only the platform may leave: nobody can cancel there."""


class Leg(NamedTuple):
    """The way out of a status, and the seconds in it at speed 1."""

    to: str
    shortest: float
    longest: float


Path = Mapping[str, Leg]

_PAYMENT: Final[Path] = {
    "payment-pending": Leg("approve-payment", 2, 6),
    "approve-payment": Leg("payment-approved", 1, 2),
    CHANGING_PAYMENT: Leg("payment-pending", 3, 6),
}
_HANDLING: Final[Path] = {
    "authorize-fulfillment": Leg("window-to-cancel", 0.5, 1),
    "window-to-cancel": Leg("ready-for-handling", 2, 5),
    "waiting-for-fulfillment": Leg("ready-for-handling", 4, 8),
    "start-handling": Leg("handling", 0.3, 0.8),
    "handling": Leg(PICKED, 2, 4),
    "invoice-after-cancellation-deny": Leg("invoice", 0.3, 0.8),
    "invoice": Leg("invoiced", 0.5, 1.5),
    CANCEL: Leg(CANCELED, 0.5, 1.5),
}
_SALE: Final[Path] = {
    "order-created": Leg("on-order-completed", 1, 3),
    "on-order-completed": Leg("waiting-for-authorization", 1, 2),
    "request-cancel": Leg(DECIDING, 0.3, 0.8),
    "invoice": Leg("invoiced", 0.5, 1.5),
    CANCEL: Leg(CANCELED, 0.5, 1.5),
}

PATHS: Final[Mapping[Flow, Path]] = MappingProxyType(
    {
        "complete": {
            "order-created": Leg("on-order-completed", 1, 3),
            "on-order-completed": Leg("payment-pending", 1, 2),
            "waiting-for-authorization": Leg("payment-pending", 1, 3),
            **_PAYMENT,
            "payment-approved": Leg("authorize-fulfillment", 1, 2),
            **_HANDLING,
            "cancellation-request-denied": Leg("handling", 0.3, 0.8),
        },
        "marketplace": {
            **_SALE,
            "waiting-for-authorization": Leg("payment-pending", 1, 3),
            **_PAYMENT,
        },
        "seller": {
            "on-order-completed-ffm": Leg("order-accepted", 1, 2),
            "order-accepted": Leg("waiting-ffmt-authorization", 1, 2),
            "waiting-for-manual-authorization": Leg("waiting-ffmt-authorization", 4, 8),
            "waiting-ffmt-authorization": Leg("authorize-fulfillment", 2, 6),
            **_HANDLING,
            "cancellation-request-denied-ffm": Leg("handling", 0.3, 0.8),
        },
        "chain": {
            **_SALE,
            "waiting-for-authorization": Leg("waiting-for-mkt-authorization", 1, 3),
            "waiting-for-mkt-authorization": Leg("payment-approved", 2, 6),
        },
    }
)
"""What follows by itself; a status that is not here waits for a call, or its twin."""

_SALE_DETOURS: Final = frozenset(
    {
        "payment-approved",
        "waiting-seller-handling",
        DECIDING,
        CHANGING_SELLER,
        CREATION_ERROR,
        REPLACED,
    }
)
_DETOURS: Final[Mapping[Flow, frozenset[str]]] = MappingProxyType(
    {
        "complete": frozenset({ASKED, CREATION_ERROR, REPLACED, "invoiced"}),
        "marketplace": _SALE_DETOURS,
        "seller": frozenset({ASKED, REPLACED}),
        "chain": _SALE_DETOURS,
    }
)
"""Statuses that no path leads to: a call, the twin or a mishap does."""

STATUSES: Final[Mapping[Flow, frozenset[str]]] = MappingProxyType(
    {
        flow: frozenset(path) | {leg.to for leg in path.values()} | _DETOURS[flow]
        for flow, path in PATHS.items()
    }
)
"""Every status that an order of each flow may be in."""

LIMITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        ASKED: timedelta(days=30),
        DECIDING: timedelta(days=30),
        CREATION_ERROR: timedelta(days=30),
        "authorize-fulfillment": timedelta(days=30),
        "waiting-for-fulfillment": timedelta(days=30),
        CHANGING_SELLER: timedelta(days=2),
    }
)
"""How long an order waits for somebody at most; then it is cancelled, at any speed."""


def two_days(_: str) -> timedelta:
    """Say how long a sale of any account waits for another seller."""
    return LIMITS[CHANGING_SELLER]


_UNACCEPTED: Final = frozenset(
    {"on-order-completed-ffm", "order-accepted", "waiting-for-manual-authorization"}
)
_PAID_UPSTREAM: Final = frozenset(
    {"waiting-ffmt-authorization", "waiting-for-mkt-authorization"}
)
_MULTILEVEL_PAUSE: Final = (4.0, 8.0)


def dwell(
    order: Order, twin: Order | None, *, rng: Random, speed: float
) -> timedelta | None:
    """Draw how long *order* stays in its status; None: until somebody moves it."""
    drawn = rng.random()
    if order.status == order.fate.stalls_in:
        return LIMITS.get(order.status)
    if order.status == "window-to-cancel" and order.fate.cancel_window is not None:
        return timedelta(seconds=order.fate.cancel_window)
    if _waits_for(order, twin):
        return None
    leg = PATHS[order.flow].get(order.status)
    if leg is None:
        return LIMITS.get(order.status)
    shortest, longest = leg.shortest, leg.longest
    if order.is_multilevel and order.status == "authorize-fulfillment":
        shortest, longest = _MULTILEVEL_PAUSE
    return timedelta(seconds=(shortest + (longest - shortest) * drawn) / speed)


def _waits_for(order: Order, twin: Order | None) -> bool:
    if order.status == "handling":
        return not order.fate.is_picked
    if order.status in _PAID_UPSTREAM:
        return not order.fate.is_paid_upstream
    return (
        order.status == "waiting-for-authorization"
        and twin is not None
        and twin.status in _UNACCEPTED
    )


def destination(order: Order, twin: Order | None) -> str:
    """Say where *order* goes when its time in its status is over."""
    if fated := _fated(order):
        return fated
    if order.status == "invoice" and order.invoiced_value < order.value:
        return _back_from_invoice(order)
    if order.status == "request-cancel" and twin is not None:
        return _asked_too_late(twin)
    if order.status in _DENIED and order.requests:
        return order.requests[-1].asked_in
    leg = PATHS[order.flow].get(order.status)
    return CANCEL if leg is None else leg.to


_DENIED: Final = frozenset(
    {"cancellation-request-denied", "cancellation-request-denied-ffm"}
)


def _fated(order: Order) -> str | None:
    fate = order.fate
    fated = {
        "order-created": CREATION_ERROR if fate.fails else None,
        "on-order-completed": "waiting-for-authorization"
        if fate.asks_sellers
        else None,
        "approve-payment": CHANGING_PAYMENT if fate.pays_otherwise else None,
        "order-accepted": "waiting-for-manual-authorization" if fate.diverges else None,
        "window-to-cancel": "waiting-for-fulfillment" if fate.has_wms else None,
    }.get(order.status)
    if order.status in {fate.cancelled_in, fate.stalls_in}:
        return CANCEL
    return REPLACED if order.status == fate.replaced_in else fated


def _back_from_invoice(order: Order) -> str:
    """Say where *order* waits for the rest after an invoice for a part of it."""
    return "handling" if order.flow in {"complete", "seller"} else "payment-approved"


def _asked_too_late(twin: Order) -> str:
    if twin.status in {CANCEL, CANCELED}:
        return CANCEL
    return "payment-approved" if twin.invoiced_value else DECIDING


def domain_of(order: Order) -> Literal["Marketplace", "Fulfillment"]:
    """Name the side of the platform that reports *order*."""
    if order.flow == "complete":
        return "Fulfillment" if order.fulfilling else "Marketplace"
    return "Fulfillment" if order.flow == "seller" else "Marketplace"
