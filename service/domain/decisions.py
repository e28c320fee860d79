"""What a command leads to, given what happened to the order."""

from datetime import datetime
from operator import attrgetter
from typing import assert_never

from service.domain.commands import (
    AssignTrackingNumber,
    ErasePersonalData,
    IssueInvoice,
    OrderCommand,
    ReportCourierUpdate,
    RequestCancellation,
    RequestHandling,
)
from service.domain.facts import (
    CancellationRequested,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    OrderFact,
    PersonalDataErased,
    TrackingNumberAssigned,
)
from service.domain.invoices import (
    Invoice,
    check_items,
    check_remainder,
    check_value,
    invoice_number,
    is_lost,
    is_same,
    one_line_each,
)
from service.domain.order import Order
from service.domain.parcels import OUTPUT
from service.errors import (
    InvalidCourierUpdateError,
    InvalidInvoiceError,
    InvoiceConflictError,
    InvoiceNotFoundError,
    OrderNotFoundError,
    TransitionNotAllowedError,
)


def decide(command: OrderCommand, order: Order, *, at: datetime) -> list[OrderFact]:
    """Return the facts that *command* leads to *at* a time; none when it is true already.

    Raises:
        OrderNotFoundError: Nothing is known of the order.
        RejectedError: The order does not allow it; the message says why.
        InvoiceConflictError: The invoice number has other content.
    """
    match command:
        case RequestHandling():
            # Asked by a policy, on every sign of readiness: never an error.
            requested = HandlingRequested(requested_by=command.requested_by)
            return [requested] if order.awaits_handling else []
        case _ if order.version == 0:
            raise OrderNotFoundError
        case IssueInvoice():
            return _issue_invoice(command, order)
        case AssignTrackingNumber():
            return _assign_tracking_number(command, order)
        case ReportCourierUpdate():
            return _report_courier_update(command, order, at=at)
        case RequestCancellation():
            return _request_cancellation(command, order)
        case ErasePersonalData():
            return [] if order.personal_data_erased else [PersonalDataErased()]
        case _:
            assert_never(command)


def _issue_invoice(command: IssueInvoice, order: Order) -> list[OrderFact]:
    fact = InvoiceIssued(
        invoice_type=command.invoice_type,
        invoice_number=invoice_number(command.invoice_number),
        invoice_value=command.invoice_value,
        issuance_date=command.issuance_date,
        items=one_line_each(command.items),
        invoice_key=command.invoice_key,
        invoice_url=command.invoice_url,
        courier=command.courier,
        tracking_number=command.tracking_number,
        tracking_url=command.tracking_url,
    )
    known = order.invoices.get(fact.invoice_number)
    if known is not None:
        if is_same(fact, known):
            return []
        message = (
            f"Invoice {fact.invoice_number} was already issued with other content; "
            "use another number."
        )
        raise InvoiceConflictError(message)
    _refuse_closed(order)
    if order.cancels_itself:
        message = (
            "The order's cancellation was requested here; an invoice would deny it, "
            "and who denies its own request leaves the order stuck."
        )
        raise TransitionNotAllowedError(message)
    _check_invoice(fact, order)
    return [fact]


def _check_invoice(fact: InvoiceIssued, order: Order) -> None:
    # An invoice without items is one whose delivery VTEX never shows as done.
    if not fact.items or fact.invoice_value < 0:
        message = "An invoice needs items and a value in cents; add them."
        raise InvalidInvoiceError(message)
    if fact.invoice_type != OUTPUT:
        return
    if order.ordered:
        check_items(fact.items, ordered=order.ordered, outputs=order.outputs())
    if order.value is not None:
        check_value(
            fact.invoice_value, order_value=order.value, outputs=order.outputs()
        )
    if order.ordered and order.value is not None:
        check_remainder(
            fact,
            ordered=order.ordered,
            order_value=order.value,
            outputs=order.outputs(),
        )


def _assign_tracking_number(
    command: AssignTrackingNumber, order: Order
) -> list[OrderFact]:
    number, invoice = _invoice(command.invoice_number, order)
    tracking_number = command.tracking_number.strip()
    if not tracking_number:
        message = "The tracking number is empty; send the carrier's number."
        raise InvalidCourierUpdateError(message)
    fact = TrackingNumberAssigned(
        invoice_number=number,
        tracking_number=tracking_number,
        tracking_url=command.tracking_url,
        courier=command.courier,
        dispatched_date=command.dispatched_date,
    )
    return [] if invoice.with_tracking_number(fact) == invoice else [fact]


def _report_courier_update(
    command: ReportCourierUpdate, order: Order, *, at: datetime
) -> list[OrderFact]:
    number, invoice = _invoice(command.invoice_number, order)
    if invoice.tracking_number is None:
        message = f"Invoice {number} has no tracking number; assign one first."
        raise TransitionNotAllowedError(message)
    fact = CourierUpdateReceived(
        invoice_number=number,
        is_delivered=command.is_delivered,
        delivered_at=_arrival(command.delivered_at, invoice, at=at),
        checkpoints=command.checkpoints,
    )
    if fact == invoice.last_update:
        return []
    _check_courier_update(fact, invoice)
    return [*_opening(fact, invoice), fact]


def _arrival(
    told: datetime | None, invoice: Invoice, *, at: datetime
) -> datetime | None:
    """Return when the package arrived: what lies ahead is a wrong clock, and is now.

    Marketplaces behind VTEX take no delivery of tomorrow.
    """
    if told is None or told <= at:
        return told
    known = invoice.last_update and invoice.last_update.delivered_at
    return known or min(told, max(at, invoice.dispatched_date or at))


def _opening(
    fact: CourierUpdateReceived, invoice: Invoice
) -> list[CourierUpdateReceived]:
    """Take the first checkpoint of a package for an update of its own.

    VTEX sends its first mail about a package with the second, different update: told
    all at once, the shopper would hear nothing.
    """
    if invoice.last_update is not None or not fact.checkpoints:
        return []
    first = min(fact.checkpoints, key=attrgetter("at"))
    opening = CourierUpdateReceived(
        invoice_number=fact.invoice_number, is_delivered=False, checkpoints=(first,)
    )
    return [opening] if opening != fact else []


def _check_courier_update(fact: CourierUpdateReceived, invoice: Invoice) -> None:
    last, dispatched = invoice.last_update, invoice.dispatched_date
    if fact.is_delivered != (fact.delivered_at is not None):
        message = "Send delivered_at when, and only when, the package is delivered."
        raise InvalidCourierUpdateError(message)
    if not fact.is_delivered and not fact.checkpoints:
        message = "A courier update needs a checkpoint or a delivery; add one."
        raise InvalidCourierUpdateError(message)
    if fact.delivered_at and dispatched and fact.delivered_at < dispatched:
        message = (
            f"The package cannot be delivered before {dispatched.isoformat()}, when "
            "it was dispatched; correct delivered_at."
        )
        raise InvalidCourierUpdateError(message)
    if last is not None and last.is_delivered and not fact.is_delivered:
        message = (
            f"The package of invoice {fact.invoice_number} is delivered; "
            "send its further checkpoints together with the delivery."
        )
        raise TransitionNotAllowedError(message)


def _request_cancellation(
    command: RequestCancellation, order: Order
) -> list[OrderFact]:
    if order.cancellation_requested and not order.awaits_confirmation:
        return []
    _refuse_closed(order)
    if order.is_invoiced:
        message = (
            "The order is invoiced, at least in part, and cannot be cancelled; "
            "issue an Input invoice for the return."
        )
        raise TransitionNotAllowedError(message)
    return [
        CancellationRequested(
            reason=command.reason, requested_by_user=command.requested_by_user
        )
    ]


def _refuse_closed(order: Order) -> None:
    if order.is_closed:
        message = f"The order is {order.status}; nothing more can be done to it."
        raise TransitionNotAllowedError(message)


def _invoice(words: str, order: Order) -> tuple[str, Invoice]:
    number = words.strip()
    if number not in order.invoices:
        message = f"The order has no invoice {number!r}; issue the invoice first."
        raise InvoiceNotFoundError(message)
    if is_lost(number):
        message = (
            f"VTEX cannot find invoice {number!r} by its number, which somebody else "
            "gave; track the package in VTEX's Admin."
        )
        raise TransitionNotAllowedError(message)
    return number, order.invoices[number]
