"""What a step of one side of a sale does to the order of the other side."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from service.sandbox.change_rules import share
from service.sandbox.flow import (
    ASKED,
    CANCEL,
    CANCELED,
    CHANGING_SELLER,
    DECIDING,
    PATHS,
    PICKED,
    REPLACED,
)
from service.sandbox.orders import Order

_AFTER_PAYMENT: Final = frozenset({"payment-approved", "waiting-seller-handling"})
_DECIDED_BY_SELLER: Final = frozenset({"request-cancel", DECIDING})
_BEFORE_PAYMENT: Final = frozenset(
    {
        "order-created",
        "on-order-completed",
        "payment-pending",
        "approve-payment",
        "waiting-for-mkt-authorization",
        "window-to-change-payment",
        "order-create-error",
    }
)
_ACCEPTED: Final = "waiting-for-authorization"

_SELLER_MOVED: Final[Mapping[str, Mapping[frozenset[str], str]]] = MappingProxyType(
    {
        "window-to-cancel": {
            frozenset({"waiting-seller-handling"}): "payment-approved"
        },
        "invoice": {_AFTER_PAYMENT: "invoice"},
        "invoiced": {_AFTER_PAYMENT: "invoice"},
        "invoice-after-cancellation-deny": {_DECIDED_BY_SELLER: "payment-approved"},
        "cancellation-request-denied-ffm": {_DECIDED_BY_SELLER: "payment-approved"},
        CANCEL: {
            _DECIDED_BY_SELLER: CANCEL,
            _BEFORE_PAYMENT: CANCEL,
            frozenset({_ACCEPTED}): "request-cancel",
            _AFTER_PAYMENT: CHANGING_SELLER,
        },
    }
)
"""The seller's new status; the marketplace's one now, and where it goes."""

_UNHANDLED: Final = frozenset(
    {
        "on-order-completed-ffm",
        "order-accepted",
        "waiting-for-manual-authorization",
        "waiting-ffmt-authorization",
        "authorize-fulfillment",
        "window-to-cancel",
    }
)
_HANDLED: Final = frozenset(
    {
        "ready-for-handling",
        "waiting-for-fulfillment",
        "start-handling",
        "handling",
        PICKED,
        "cancellation-request-denied-ffm",
    }
)

_MARKETPLACE_MOVED: Final[Mapping[str, Mapping[frozenset[str], str]]] = (
    MappingProxyType(
        {
            "payment-approved": {
                frozenset({"waiting-ffmt-authorization"}): "authorize-fulfillment"
            },
            DECIDING: {_UNHANDLED: CANCEL, _HANDLED: ASKED},
            CANCEL: {_UNHANDLED | _HANDLED | {ASKED}: CANCEL},
            REPLACED: {_UNHANDLED | _HANDLED | {ASKED}: REPLACED},
        }
    )
)


def echo(order: Order, twin: Order) -> str | None:
    """Say where *twin* goes because *order* came into its status."""
    if order.flow == "seller":
        return _special(order, twin) or _look_up(_SELLER_MOVED, order, twin)
    return _look_up(_MARKETPLACE_MOVED, order, twin)


def answer(order: Order, twin: Order) -> str | None:
    """Say where *order* goes at once, as *twin* is further than it knew."""
    if order.status == "payment-approved" and twin.status == "invoiced":
        return "invoice"
    if order.status == DECIDING and twin.status in {CANCEL, CANCELED}:
        return CANCEL
    return None


def _special(seller: Order, sale: Order) -> str | None:
    if seller.status == "waiting-ffmt-authorization" and sale.status == _ACCEPTED:
        return PATHS[sale.flow][_ACCEPTED].to
    if (
        seller.status == "authorize-fulfillment"
        and seller.is_multilevel
        and sale.status == "payment-approved"
    ):
        return "waiting-seller-handling"
    return None


def _look_up(
    table: Mapping[str, Mapping[frozenset[str], str]], order: Order, twin: Order
) -> str | None:
    for standing, to in table.get(order.status, {}).items():
        if twin.status in standing:
            return to
    return None


def mirror(order: Order, twin: Order) -> bool:
    """Bring what was attached to one side to the other; say whether that is news."""
    before = _shared(twin)
    twin.discount = order.discount
    share(order, twin)
    if order.flow == "seller":
        twin.packages = [replace(package) for package in order.packages]
    return before != _shared(twin)


def _shared(order: Order) -> tuple[object, ...]:
    return (
        order.items,
        order.discount,
        order.adjustment,
        order.original_items,
        order.registered_changes,
        order.change_requests,
        order.packages,
    )
