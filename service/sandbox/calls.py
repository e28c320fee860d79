"""The calls that change an order: their names in the ledger, their bodies, their rules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.sandbox import cancelling, rules
from service.sandbox.bodies import (
    CancelRequest,
    Denial,
    InvoiceNotice,
    TrackingNumber,
    TrackingUpdate,
    read_body,
)
from service.sandbox.orders import Order


@dataclass(frozen=True, slots=True)
class Call:
    """One call; *apply* raises `RefusedError` or changes the order."""

    kind: str
    apply: Callable[[Order, datetime], rules.Effect]


START_HANDLING: Final = Call(
    "start-handling", lambda order, _: rules.start_handling(order)
)


REPLACE: Final = Call("replace", lambda order, _: cancelling.give_up(order))


def invoice(body: object) -> Call:
    """Attach an invoice."""
    return Call(
        "invoice",
        lambda order, at: rules.invoice(order, read_body(InvoiceNotice, body), at=at),
    )


def assign_tracking_number(invoice_number: str, body: object) -> Call:
    """Give an invoiced package its tracking number."""
    return Call(
        "tracking-number",
        lambda order, at: rules.assign_tracking_number(
            order, invoice_number, read_body(TrackingNumber, body), at=at
        ),
    )


def report_tracking(invoice_number: str, body: object) -> Call:
    """Tell where a package is."""
    return Call(
        "tracking",
        lambda order, at: rules.report_tracking(
            order, invoice_number, read_body(TrackingUpdate, body), at=at
        ),
    )


def cancel(body: object) -> Call:
    """Cancel, or ask to."""
    return Call(
        "cancel",
        lambda order, at: cancelling.cancel(
            order, read_body(CancelRequest, body), at=at
        ),
    )


def deny_cancellation(body: object) -> Call:
    """Refuse a cancellation that somebody asked for."""
    return Call(
        "deny-cancellation",
        lambda order, at: cancelling.deny(order, read_body(Denial, body), at=at),
    )
