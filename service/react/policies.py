"""Which fact leads to which command, and which to which call; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from service.domain.commands import RequestHandling
from service.domain.facts import (
    CancellationRequested,
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    OrderDetailsFetched,
    OrderFact,
    TrackingNumberAssigned,
)
from service.domain.order import fold
from service.domain.statuses import READY_FOR_HANDLING, overlay_of
from service.react.calls import CallRequest, PlannedCall

REQUESTED_BY: Final = "start-handling policy"

LEADS_TO_COMMAND: Final = frozenset({"OrderDetailsFetched"})
LEADS_TO_CALL: Final = frozenset(
    {
        "HandlingRequested",
        "InvoiceIssued",
        "TrackingNumberAssigned",
        "CourierUpdateReceived",
        "CancellationRequested",
    }
)
NEEDS_HISTORY: Final = LEADS_TO_CALL - {"HandlingRequested"}
"""Facts whose call depends on what the order's stream holds before them."""


def command_for(fact: OrderFact) -> RequestHandling | None:
    """Return the command that *fact* leads to; `decide` knows if it is still due."""
    if (
        isinstance(fact, OrderDetailsFetched)
        and fact.document.status == READY_FOR_HANDLING
    ):
        return RequestHandling(requested_by=REQUESTED_BY)
    return None


def call_for(fact: OrderFact, *, before: Sequence[OrderFact]) -> PlannedCall | None:
    """Return the call that *fact* leads to.

    *before* are the facts of its stream up to it; only `NEEDS_HISTORY` looks there.
    """
    match fact:
        case HandlingRequested():
            return PlannedCall(
                kind="start-handling", request=CallRequest(method="POST")
            )
        case InvoiceIssued():
            return _invoice(fact, before)
        case TrackingNumberAssigned():
            return _tracking_number(fact, before)
        case CourierUpdateReceived():
            return _tracking(fact, before)
        case CancellationRequested():
            return _cancel(fact, before)
        case _:
            return None


def _invoice(fact: InvoiceIssued, before: Sequence[OrderFact]) -> PlannedCall:
    body: dict[str, JsonValue] = {
        "type": fact.invoice_type,
        "issuanceDate": fact.issuance_date.isoformat(),
        "invoiceNumber": fact.invoice_number,
        # Cents as digits: VTEX's document has text here, and numbers in the items.
        "invoiceValue": str(fact.invoice_value),
        "items": [
            {"id": item.id, "price": item.price, "quantity": item.quantity}
            for item in fact.items
        ],
    }
    optional: dict[str, JsonValue] = {
        "invoiceKey": fact.invoice_key,
        "invoiceUrl": fact.invoice_url,
        "courier": fact.courier,
        "trackingNumber": fact.tracking_number,
        "trackingUrl": fact.tracking_url,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    request = CallRequest(
        method="POST",
        invoice_number=fact.invoice_number,
        body=body,
        refuses_cancellation=overlay_of(fold(before).status) == "canceling",
    )
    return PlannedCall(kind="invoice", request=request)


def _tracking_number(
    fact: TrackingNumberAssigned, before: Sequence[OrderFact]
) -> PlannedCall:
    # All four are required: what this fact leaves open stays as it was.
    invoice = fold([*before, fact]).invoices[fact.invoice_number]
    dispatched = invoice.dispatched_date
    body: dict[str, JsonValue] = {
        "trackingNumber": invoice.tracking_number,
        "trackingUrl": invoice.tracking_url,
        "courier": invoice.courier,
        "dispatchedDate": None if dispatched is None else dispatched.isoformat(),
    }
    request = CallRequest(method="PATCH", invoice_number=fact.invoice_number, body=body)
    return PlannedCall(kind="tracking-number", request=request)


def _tracking(
    fact: CourierUpdateReceived, before: Sequence[OrderFact]
) -> PlannedCall | None:
    updates = [
        earlier
        for earlier in before
        if isinstance(earlier, CourierUpdateReceived)
        and earlier.invoice_number == fact.invoice_number
    ]
    body = _tracking_body([*updates, fact])
    # VTEX sends mails about differences: the same again would tell nobody anything.
    if updates and body == _tracking_body(updates):
        return None
    request = CallRequest(method="PUT", invoice_number=fact.invoice_number, body=body)
    return PlannedCall(kind="tracking", request=request)


def _tracking_body(updates: Sequence[CourierUpdateReceived]) -> dict[str, JsonValue]:
    # Whether VTEX appends or replaces is documented nowhere: the whole way is right
    # for a replacement, and loses nothing with the other. Carriers may date by day
    # only, so what has one date stays in the order in which it was told.
    seen = dict.fromkeys(
        checkpoint for update in updates for checkpoint in update.checkpoints
    )
    last = updates[-1]
    return {
        "isDelivered": last.is_delivered,
        "deliveredDate": _minute(last.delivered_at),
        "events": [_event(checkpoint) for checkpoint in sorted(seen, key=_when)],
    }


def _when(checkpoint: Checkpoint) -> datetime:
    return checkpoint.at


def _event(checkpoint: Checkpoint) -> dict[str, JsonValue]:
    return {
        "city": checkpoint.city or "",
        "state": checkpoint.state or "",
        "description": checkpoint.description,
        "date": checkpoint.at.astimezone(UTC).isoformat(),
    }


def _minute(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _cancel(fact: CancellationRequested, before: Sequence[OrderFact]) -> PlannedCall:
    body: dict[str, JsonValue] = {
        "reason": fact.reason,
        "requestedByUser": fact.requested_by_user,
    }
    request = CallRequest(
        method="POST",
        body=body,
        confirms_cancellation=fold(before).awaits_confirmation,
    )
    return PlannedCall(kind="cancel", request=request)
