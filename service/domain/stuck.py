"""Which orders do not go on as they should, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from service.domain.expected import SETTLED, Flow, longest
from service.domain.statuses import CANCELED, INVOICED, START_HANDLING

Reason = Literal[
    "workflow-in-error",
    "marketplace-incomplete",
    "marketplace-behind",
    "part-open",
    "overdue",
]

PATIENCE: Final = timedelta(hours=1)
"""For so long the two orders of a purchase may contradict each other."""

_HANDLED: Final = frozenset({START_HANDLING, "handling", "invoice", INVOICED})

_UNPAID: Final = frozenset(
    {
        None,
        "order-created",
        "order-completed",
        "on-order-completed",
        "waiting-for-authorization",
        "waiting-for-seller-confirmation",
        "payment-pending",
        "approve-payment",
    }
)

_ADVICE: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        "workflow-in-error": "VTEX stopped the order's workflow: open the order in the "
        "Admin and let the workflow go on there; if it stops again, ask VTEX's support.",
        "marketplace-incomplete": "The seller handles an order whose payment the "
        "marketplace has not settled: hold the shipment until it is.",
        "marketplace-behind": "The seller has invoiced, and the marketplace did not "
        "follow: compare the values of the invoices and the payment's capture, then ask "
        "VTEX's support to let the marketplace's order go on.",
        "part-open": "One order of the purchase is cancelled and the other goes on: "
        "stop the shipment, and cancel the open order.",
        "overdue": "The order has its status for longer than usual: look at its "
        "timeline, and at the order in the Admin.",
    }
)
_ADVICE_OVERDUE: Final[Mapping[str | None, str]] = MappingProxyType(
    {
        None: "The order has no workflow: its payment was not finished, or VTEX failed "
        "to create it. Nothing is to be shipped.",
        "payment-pending": "No payment was notified: look at the transaction; if it is "
        "paid, ask VTEX's support to let the order go on.",
        "ready-for-handling": "Nobody has started the handling: do it, or switch "
        "start_handling on for the account.",
        START_HANDLING: "VTEX took the start of the handling and did not carry it out: "
        "ask VTEX's support. Another start-handling is refused.",
        "handling": "Nobody has invoiced the order: do it, or cancel the order.",
        "invoice": "The invoice is not settled: compare the invoices' sum with the "
        "order's value, and look at the payment's capture.",
        "cancellation-requested": "A cancellation waits for an answer: cancel the "
        "order, or deny the request.",
        "request-cancel": "The seller has not answered the wish to cancel: ask the "
        "seller to cancel or to deny.",
        "waiting-for-seller-decision": "The seller has not answered the wish to "
        "cancel: ask the seller to cancel or to deny.",
        "cancellation-request-denied-ffm": "The seller denied its own wish to cancel: "
        "ask VTEX's support.",
        "cancel": "The cancellation does not come to its end: ask VTEX's support, and "
        "ship nothing.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an order stands, and since when."""

    status: str | None
    since: datetime
    flow: Flow
    in_error: bool = False


class Stuck(NamedTuple):
    """Why an order is stuck; *expected* is the longest it should have its status."""

    reason: Reason
    expected: timedelta | None = None


def stuck(order: Standing, *, twin: Standing | None, now: datetime) -> Stuck | None:
    """Say why *order* is stuck, if it is; *twin* is the other order of its purchase."""
    if order.in_error:
        return Stuck("workflow-in-error")
    contradiction = _contradiction(order, twin) if twin else None
    if (
        twin is not None
        and contradiction is not None
        and now - max(order.since, twin.since) > PATIENCE
    ):
        return Stuck(contradiction)
    expected = longest(order.status, order.flow)
    if expected is not None and now - order.since > expected:
        return Stuck("overdue", expected)
    return None


def _contradiction(order: Standing, twin: Standing) -> Reason | None:
    """Say how *order*, which should have gone on, contradicts *twin*."""
    if order.status in SETTLED or order.status == "window-to-change-seller":
        return None
    if twin.status == CANCELED:
        return "part-open"
    if order.flow == "seller":
        return None
    if order.status in _UNPAID and twin.status in _HANDLED:
        return "marketplace-incomplete"
    return "marketplace-behind" if twin.status == INVOICED else None


def advice(reason: Reason, status: str | None) -> str:
    """Return what a person should do about it."""
    if reason == "overdue":
        return _ADVICE_OVERDUE.get(status, _ADVICE[reason])
    return _ADVICE[reason]
