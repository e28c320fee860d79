"""What each call does to an order, and when it is refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from service.sandbox.bodies import (
    InvoiceLine,
    InvoiceNotice,
    TrackingNumber,
    TrackingUpdate,
)
from service.sandbox.flow import ASKED, DECIDING, PICKED
from service.sandbox.orders import Order
from service.sandbox.packages import Checkpoint, CourierStatus, Package, PackageItem
from service.sandbox.refusals import (
    InvoiceUnknownError,
    InvoiceUnusableError,
    NotAllowedError,
    NotReadyForHandlingError,
)

_INVOICING: Final[Mapping[str, str | None]] = {
    "ready-for-handling": "invoice",
    "waiting-for-fulfillment": "invoice",
    "handling": "invoice",
    PICKED: "invoice",
    # A second part may arrive while the first is still being verified.
    "invoice": None,
    # Sending the invoice is how a seller refuses to cancel.
    ASKED: "invoice-after-cancellation-deny",
}
_INVOICED_FROM_OUTSIDE: Final[Mapping[str, str | None]] = {
    "payment-approved": "invoice",
    "invoice": None,
    DECIDING: "invoice",
}
"""Where the seller has no account, the marketplace's order takes its invoices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a call did: *to* is the status that the order goes to now, if any."""

    to: str | None = None
    outcome: Literal["done", "repeated"] = "done"
    detail: Mapping[str, object] = field(default_factory=dict)


def start_handling(order: Order) -> Effect:
    """Begin to handle *order*."""
    if order.status != "ready-for-handling":
        raise NotReadyForHandlingError(
            f"Handling starts from ready-for-handling; the order is in {order.status}"
        )
    return Effect(to="start-handling")


def invoice(order: Order, notice: InvoiceNotice, *, at: datetime) -> Effect:
    """Attach an invoice; one whose number is already there changes nothing."""
    detail = {
        "invoiceNumber": notice.invoice_number,
        "type": notice.type,
        "invoiceValue": notice.invoice_value,
    }
    if order.package(notice.invoice_number) is not None:
        return Effect(outcome="repeated", detail=detail)
    to = None
    if notice.type == "Output":
        to = _sell(order, notice)
    else:
        _take_back(order, notice)
    order.packages.append(_package(order, notice))
    order.changed_at = at
    return Effect(to=to, detail=detail)


def _sell(order: Order, notice: InvoiceNotice) -> str | None:
    require_fulfilling(order)
    ways = _INVOICED_FROM_OUTSIDE if order.has_external_seller else _INVOICING
    if order.status not in ways:
        raise NotAllowedError(f"An order in {order.status} cannot be invoiced")
    if notice.items and "KI-784171" in order.flaws:
        raise NotAllowedError("A changed order cannot be invoiced by its items")
    if order.invoiced_value + notice.invoice_value > order.value:
        raise NotAllowedError("The invoices would be worth more than the order")
    return ways[order.status]


def _take_back(order: Order, notice: InvoiceNotice) -> None:
    require_fulfilling(order)
    if order.status != "invoiced":
        raise NotAllowedError("Nothing is returned before all of it is invoiced")
    if order.returned_value + notice.invoice_value > order.invoiced_value:
        raise NotAllowedError("More would be returned than was invoiced")


def require_fulfilling(order: Order) -> None:
    """Refuse what the marketplace's order only learns from the seller's one."""
    if order.flow in {"marketplace", "chain"} and not order.has_external_seller:
        raise NotAllowedError(f"Send it to the seller's order {order.twin}")


def _package(order: Order, notice: InvoiceNotice) -> Package:
    return Package(
        type=notice.type,
        invoice_number=notice.invoice_number,
        invoice_value=notice.invoice_value,
        issued_at=notice.issuance_date,
        items=tuple(_packed(order, notice.items)),
        invoice_key=notice.invoice_key,
        invoice_url=notice.invoice_url,
        embedded_invoice=notice.embedded_invoice,
        courier=notice.courier,
        tracking_number=notice.tracking_number or None,
        tracking_url=notice.tracking_url,
        dispatched_at=notice.dispatched_date,
    )


def _packed(order: Order, lines: Sequence[InvoiceLine]) -> Iterator[PackageItem]:
    for line in lines:
        left = line.quantity
        for index, item in enumerate(order.items):
            if item.sku == line.id and item.packable and left > 0:
                taken = min(left, item.quantity)
                left -= taken
                yield PackageItem(
                    item_index=index,
                    quantity=taken,
                    price=line.price,
                    description=line.description,
                )


def assign_tracking_number(
    order: Order, invoice_number: str, body: TrackingNumber, *, at: datetime
) -> Effect:
    """Give an invoiced package its tracking number."""
    package = _invoiced(order, invoice_number)
    package.tracking_number = body.tracking_number
    package.tracking_url = body.tracking_url
    package.courier = body.courier
    package.dispatched_at = body.dispatched_date
    order.changed_at = at
    return Effect(
        detail={
            "invoiceNumber": invoice_number,
            "trackingNumber": body.tracking_number,
        }
    )


def report_tracking(
    order: Order, invoice_number: str, body: TrackingUpdate, *, at: datetime
) -> Effect:
    """Replace what is known of a package's way; raises no workflow event."""
    package = _invoiced(order, invoice_number)
    if package.tracking_number is None:
        raise NotAllowedError(
            f"Invoice {invoice_number} has no tracking number yet; send it first"
        )
    package.courier_status = CourierStatus(
        finished=body.is_delivered,
        delivered_at=body.delivered_date,
        checkpoints=tuple(
            Checkpoint(
                city=event.city,
                state=event.state,
                description=event.description,
                at=event.date,
                reported_at=at,
            )
            for event in body.events
        ),
    )
    order.changed_at = at
    return Effect(
        detail={
            "invoiceNumber": invoice_number,
            "isDelivered": body.is_delivered,
            "events": len(body.events),
        }
    )


def _invoiced(order: Order, invoice_number: str) -> Package:
    require_fulfilling(order)
    if " " in invoice_number:
        raise InvoiceUnusableError
    package = order.package(invoice_number)
    # VTEX takes such a number with the invoice and never finds it again.
    if package is None or "/" in invoice_number or "#" in invoice_number:
        raise InvoiceUnknownError(f"The order has no invoice {invoice_number}")
    return package
