"""The words that VTEX uses for an order's status, and what each means to us.

The vocabulary is open: a status that is not listed here is stored and shown as it is.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

Overlay = Literal["canceling", "canceled", "replaced", "incomplete", "in-error"]
"""What is said about an order beside its stage."""

READY_FOR_HANDLING: Final = "ready-for-handling"
START_HANDLING: Final = "start-handling"
INVOICED: Final = "invoiced"
REPLACED: Final = "replaced"
CANCELED: Final = "canceled"
PAYMENT_DENIED: Final = "payment-denied"
CANCELLATION_REQUESTED: Final = "cancellation-requested"

STAGE_OF_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "order-created": 1,
        "order-completed": 1,
        "on-order-completed": 1,
        "payment-pending": 2,
        "approve-payment": 2,
        "window-to-cancel": 3,
        "payment-approved": 3,
        READY_FOR_HANDLING: 3,
        "authorize-fulfillment": 3,
        # VTEX sends both spellings.
        "authorize-fullfilment": 3,
        "release-to-fulfillment": 3,
        "handling": 3,
        "invoice": 3,
        INVOICED: 4,
    }
)
"""The stages that My Account derives from a status alone."""

_CALLED_OFF: Final = frozenset({CANCELED, PAYMENT_DENIED})
_CANCELING: Final = frozenset(
    {
        "cancel",
        "request-cancel",
        CANCELLATION_REQUESTED,
        "waiting-for-seller-decision",
    }
)
_IN_ERROR: Final = frozenset({"order-create-error", "order-creation-error"})

KNOWN_STATUSES: Final = (
    frozenset(STAGE_OF_STATUS)
    | _CANCELING
    | _IN_ERROR
    | {
        CANCELED,
        "cancellation-request-denied",
        "cancellation-request-denied-ffm",
        "invoice-after-cancellation-deny",
        "on-order-completed-ffm",
        "order-accepted",
        PAYMENT_DENIED,
        "ready-for-invoicing",
        REPLACED,
        START_HANDLING,
        "waiting-ffmt-authorization",
        "waiting-for-authorization",
        "waiting-for-fulfillment",
        "waiting-for-manual-authorization",
        "waiting-for-mkt-authorization",
        "waiting-for-order-authorization",
        "waiting-for-seller-confirmation",
        "waiting-seller-handling",
        "window-to-change-payment",
        "window-to-change-seller",
    }
)
"""Every status seen in VTEX's documents; another one deserves an operator's look."""


def overlay_of(status: str | None, *, in_error: bool = False) -> Overlay | None:
    """Say what lies over the stage for *status*; *in_error* is the workflow's flag."""
    if status is None:
        return "incomplete"
    if status in _CALLED_OFF:
        return "canceled"
    if status == REPLACED:
        return "replaced"
    if in_error or status in _IN_ERROR:
        return "in-error"
    return "canceling" if status in _CANCELING else None


def replaces(
    reported: str | None,
    reported_at: datetime | None,
    *,
    current: str | None,
    current_at: datetime | None,
) -> bool:
    """Say whether a reported status takes the place of the current one.

    Notifications come late and more than once: an older one never does, and one
    without a date never overrules one with a date. Cancelled is the end of an order,
    whenever we hear of it.
    """
    if CANCELED in (reported, current):
        return current != CANCELED
    if current_at is None:
        return True
    return reported_at is not None and reported_at >= current_at
