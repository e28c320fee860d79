"""What somebody wants to happen to an order; `decide` turns it into facts."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.facts import Checkpoint, InvoiceItem, InvoiceType


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHandling:
    """Start the handling of an order that is ready for it."""

    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueInvoice:
    """Invoice all or part of an order, or a return."""

    invoice_type: InvoiceType
    invoice_number: str
    invoice_value: int
    issuance_date: datetime
    items: tuple[InvoiceItem, ...]
    invoice_key: str | None = None
    invoice_url: str | None = None
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTrackingNumber:
    """Give an invoiced package its tracking number."""

    invoice_number: str
    tracking_number: str
    tracking_url: str | None = None
    courier: str | None = None
    dispatched_date: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCourierUpdate:
    """Tell where a package is, with its whole way so far."""

    invoice_number: str
    is_delivered: bool
    delivered_at: datetime | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancellation:
    """Ask for the order to be cancelled."""

    reason: str
    requested_by_user: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonalData:
    """Tell that the order's personal data is deleted, once it is."""


OrderCommand = (
    RequestHandling
    | IssueInvoice
    | AssignTrackingNumber
    | ReportCourierUpdate
    | RequestCancellation
    | ErasePersonalData
)
