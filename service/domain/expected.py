"""How long an order has a status, as a rule; longer than that, something is wrong."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

from service.domain.statuses import (
    CANCELED,
    INVOICED,
    PAYMENT_DENIED,
    REPLACED,
    START_HANDLING,
)

Flow = Literal["complete", "marketplace", "seller", "chain"]
"""Which part of a purchase an order is: all of it, or its marketplace's or seller's."""

OWN_SELLER: Final = "1"
"""VTEX's name of the account itself where it sells."""

_AUTOMATIC: Final = timedelta(minutes=30)
_HOURS: Final = timedelta(hours=3)
_DAY: Final = timedelta(days=1)

LONGEST: Final[Mapping[str | None, timedelta]] = MappingProxyType(
    {
        None: _DAY,
        "order-created": _AUTOMATIC,
        "order-completed": _AUTOMATIC,
        "on-order-completed": _AUTOMATIC,
        "on-order-completed-ffm": _AUTOMATIC,
        "order-accepted": _AUTOMATIC,
        "waiting-for-authorization": _HOURS,
        "waiting-for-seller-confirmation": _HOURS,
        "waiting-for-order-authorization": _HOURS,
        "waiting-for-mkt-authorization": 8 * _DAY,
        # Until the marketplace has its money: a bank slip takes days.
        "waiting-ffmt-authorization": 8 * _DAY,
        "waiting-for-manual-authorization": 2 * _DAY,
        "payment-pending": 8 * _DAY,
        "approve-payment": 3 * _DAY,
        "payment-approved": _AUTOMATIC,
        "authorize-fulfillment": _HOURS,
        "authorize-fullfilment": _HOURS,
        "release-to-fulfillment": _HOURS,
        "window-to-cancel": _HOURS,
        "window-to-change-payment": 2 * _DAY,
        "window-to-change-seller": 3 * _DAY,
        "waiting-for-fulfillment": 2 * _DAY,
        "waiting-seller-handling": 5 * _DAY,
        "ready-for-handling": 2 * _DAY,
        START_HANDLING: _AUTOMATIC,
        "handling": 5 * _DAY,
        "ready-for-invoicing": 2 * _DAY,
        "invoice": 2 * _AUTOMATIC,
        "request-cancel": 3 * _DAY,
        "waiting-for-seller-decision": 3 * _DAY,
        "cancellation-requested": 3 * _DAY,
        "cancellation-request-denied": _AUTOMATIC,
        "cancellation-request-denied-ffm": _AUTOMATIC,
        "invoice-after-cancellation-deny": 2 * _DAY,
        "cancel": _AUTOMATIC,
        "order-create-error": _AUTOMATIC,
        "order-creation-error": _AUTOMATIC,
    }
)
"""The shortest of all flows."""

UNHEARD_OF: Final = _DAY
"""For a status that nobody has described."""

_BY_FLOW: Final[Mapping[tuple[str, Flow], timedelta]] = MappingProxyType(
    {
        # Until the seller has invoiced.
        ("payment-approved", "marketplace"): 7 * _DAY,
        ("payment-approved", "chain"): 7 * _DAY,
        ("waiting-for-authorization", "chain"): 8 * _DAY,
    }
)

SETTLED: Final = frozenset({INVOICED, CANCELED, REPLACED, PAYMENT_DENIED})
"""Statuses that an order may have for ever."""


def longest(status: str | None, flow: Flow) -> timedelta | None:
    """Return how long an order has *status* at most; None: for as long as it likes."""
    if status in SETTLED:
        return None
    if status is not None and (status, flow) in _BY_FLOW:
        return _BY_FLOW[status, flow]
    return LONGEST.get(status, UNHEARD_OF)


def flow_of(origin: str | None, sellers: frozenset[str | None]) -> Flow:
    """Tell the flow by VTEX's origin and the *sellers* of the items."""
    if origin == "Fulfillment":
        return "seller"
    if origin == "Chain":
        return "chain"
    return "complete" if sellers == {OWN_SELLER} else "marketplace"
