"""An order as its rules see it, and what has happened makes of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from service.domain.document import OrderDocument
from service.domain.facts import (
    CallParked,
    CallRefused,
    CallSucceeded,
    CancellationRequested,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    OrderDetailsFetched,
    OrderFact,
    OrderStatusReported,
    PersonalDataErased,
    TrackingNumberAssigned,
)
from service.domain.invoices import Invoice, issued_invoice
from service.domain.parcels import OUTPUT
from service.domain.statuses import (
    CANCELLATION_REQUESTED,
    INVOICED,
    READY_FOR_HANDLING,
    overlay_of,
    replaces,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the rules need to know; version 0 is an order nobody has heard of."""

    version: int = 0
    status: str | None = None
    status_at: datetime | None = None
    document_at: datetime | None = None
    is_completed: bool | None = None
    value: int | None = None
    ordered: Mapping[str, int] = field(default_factory=dict)
    """How many of each SKU; empty until the details are known."""
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    """By number."""
    handling_requested: bool = False
    """Since the order last became ready for handling."""
    cancellation_requested: bool = False
    """And neither refused by VTEX nor denied by the seller since."""
    cancellation_confirmed: bool = False
    """Requested once more, while VTEX waited for that."""
    personal_data_erased: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the order is cancelled or replaced: nothing is to be done."""
        return overlay_of(self.status) in {"canceled", "replaced"}

    @property
    def awaits_handling(self) -> bool:
        """Whether handling may be requested, and has not been."""
        return (
            self.status == READY_FOR_HANDLING
            and self.is_completed is not False
            and not self.handling_requested
        )

    @property
    def cancels_itself(self) -> bool:
        """Whether VTEX is at a cancellation that was requested here."""
        return self.cancellation_requested and overlay_of(self.status) == "canceling"

    @property
    def awaits_confirmation(self) -> bool:
        """Whether VTEX took the wish to cancel, and waits to be told a second time."""
        return self.status == CANCELLATION_REQUESTED and not self.cancellation_confirmed

    @property
    def is_invoiced(self) -> bool:
        """Whether the order is invoiced, be it in part: VTEX cancels it no more."""
        return self.status == INVOICED or bool(self.outputs())

    def outputs(self) -> Sequence[Invoice]:
        """Return the invoices of sales; returns count for nothing here."""
        return [invoice for invoice in self.invoices.values() if invoice.type == OUTPUT]


def fold(facts: Iterable[OrderFact]) -> Order:
    """Return the order that *facts*, its whole stream from version 1, make."""
    order = Order()
    for fact in facts:
        order = evolve(order, fact)
    return order


def evolve(order: Order, fact: OrderFact) -> Order:
    """Return the order after *fact*; facts happened, so none is refused."""
    return _after(replace(order, version=order.version + 1), fact)


def _after(order: Order, fact: OrderFact) -> Order:
    match fact:
        case OrderStatusReported():
            return _with_status(order, fact.state, fact.last_change)
        case OrderDetailsFetched():
            return _with_document(order, fact.document)
        case HandlingRequested() | CancellationRequested() | PersonalDataErased():
            return _after_request(order, fact)
        case InvoiceIssued() | TrackingNumberAssigned() | CourierUpdateReceived():
            return _with_invoice(order, fact)
        case CallSucceeded() | CallRefused() | CallParked():
            return _after_call(order, fact)
        case _:
            assert_never(fact)


def _after_request(
    order: Order, fact: HandlingRequested | CancellationRequested | PersonalDataErased
) -> Order:
    match fact:
        case HandlingRequested():
            return replace(order, handling_requested=True)
        case CancellationRequested():
            return replace(
                order,
                cancellation_requested=True,
                cancellation_confirmed=order.status == CANCELLATION_REQUESTED,
            )
        case PersonalDataErased():
            return replace(order, personal_data_erased=True)


def _with_status(order: Order, status: str | None, at: datetime | None) -> Order:
    if not replaces(status, at, current=order.status, current_at=order.status_at):
        return order
    became_ready = status == READY_FOR_HANDLING != order.status
    denied = overlay_of(order.status) == "canceling" and overlay_of(status) is None
    return replace(
        order,
        status=status,
        status_at=at,
        handling_requested=order.handling_requested and not became_ready,
        cancellation_requested=order.cancellation_requested and not denied,
        cancellation_confirmed=order.cancellation_confirmed and not denied,
    )


def _with_document(order: Order, document: OrderDocument) -> Order:
    at = document.last_change
    if at is not None and order.document_at is not None and at < order.document_at:
        return order
    ordered: Counter[str] = Counter()
    for item in document.items:
        if item.id is not None:
            ordered[item.id] += item.quantity
    detailed = replace(
        order,
        document_at=at or order.document_at,
        is_completed=document.is_completed,
        value=document.value,
        ordered=ordered,
        invoices=_merged(order.invoices, document),
    )
    return _with_status(detailed, document.status, at)


def _merged(
    known: Mapping[str, Invoice], document: OrderDocument
) -> Mapping[str, Invoice]:
    merged = {number: i for number, i in known.items() if i.issued is not None}
    for package in document.packages:
        number = package.invoice_number
        if number is not None:
            invoice = known.get(number, Invoice())
            merged[number] = invoice.with_package(package, document)
    return merged


def _with_invoice(
    order: Order, fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived
) -> Order:
    known = order.invoices.get(fact.invoice_number, Invoice())
    invoice = _invoice_after(known, fact, version=order.version)
    return replace(order, invoices={**order.invoices, fact.invoice_number: invoice})


def _invoice_after(
    known: Invoice,
    fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived,
    *,
    version: int,
) -> Invoice:
    match fact:
        case InvoiceIssued():
            return issued_invoice(fact, version=version)
        case TrackingNumberAssigned():
            return known.with_tracking_number(fact)
        case CourierUpdateReceived():
            return replace(known, last_update=fact)


def _after_call(order: Order, fact: CallSucceeded | CallRefused | CallParked) -> Order:
    """Free what VTEX refused, so that it can be asked for anew."""
    if isinstance(fact, CallRefused) and fact.kind == "cancel":
        return replace(
            order, cancellation_requested=False, cancellation_confirmed=False
        )
    if isinstance(fact, CallRefused) and fact.kind == "invoice":
        kept = {
            number: invoice
            for number, invoice in order.invoices.items()
            if invoice.version != fact.cause_version
        }
        return replace(order, invoices=kept)
    return order
