"""What merchants and carriers send, validated field by field, and the commands it is."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from service.domain.commands import (
    AssignTrackingNumber,
    IssueInvoice,
    ReportCourierUpdate,
    RequestCancellation,
)
from service.domain.facts import Checkpoint, InvoiceItem

# PostgreSQL stores no NUL.
_Words = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"
    ),
]
_Url = Annotated[
    str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f]+$")
]
_Cents = Annotated[int, Field(ge=0, le=2**53)]
_InvoiceNumber = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=100, pattern=r"^[A-Za-z0-9._-]+$"
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InvoiceLine(_Body):
    """One SKU of an invoice."""

    id: _Words
    price: Annotated[_Cents, Field(description="Cents a unit.")]
    quantity: Annotated[int, Field(gt=0, le=1_000_000)]


class InvoiceBody(_Body):
    """An invoice for all or part of an order, or for a return."""

    type: Annotated[
        Literal["Output", "Input"],
        Field(description="Output for a sale, Input for a return."),
    ]
    invoice_number: _InvoiceNumber
    invoice_value: Annotated[_Cents, Field(description="Cents.")]
    issuance_date: AwareDatetime
    items: Annotated[tuple[InvoiceLine, ...], Field(min_length=1, max_length=1000)]
    invoice_key: _Words | None = None
    invoice_url: _Url | None = None
    courier: _Words | None = None
    tracking_number: _Words | None = None
    tracking_url: _Url | None = None

    def command(self) -> IssueInvoice:
        return IssueInvoice(
            invoice_type=self.type,
            invoice_number=self.invoice_number,
            invoice_value=self.invoice_value,
            issuance_date=self.issuance_date,
            items=tuple(
                InvoiceItem(id=line.id, price=line.price, quantity=line.quantity)
                for line in self.items
            ),
            invoice_key=self.invoice_key,
            invoice_url=self.invoice_url,
            courier=self.courier,
            tracking_number=self.tracking_number,
            tracking_url=self.tracking_url,
        )


class TrackingNumberBody(_Body):
    """The tracking number of an invoice's package."""

    tracking_number: _Words
    tracking_url: _Url | None = None
    courier: _Words | None = None
    dispatched_date: AwareDatetime | None = None

    def command(self, invoice_number: str) -> AssignTrackingNumber:
        return AssignTrackingNumber(
            invoice_number=invoice_number,
            tracking_number=self.tracking_number,
            tracking_url=self.tracking_url,
            courier=self.courier,
            dispatched_date=self.dispatched_date,
        )


class CheckpointBody(_Body):
    """Where the carrier saw a package."""

    city: _Words | None = None
    state: _Words | None = None
    description: _Words
    at: AwareDatetime


class CourierUpdateBody(_Body):
    """Where a package is, with its whole way so far."""

    invoice_number: _InvoiceNumber
    is_delivered: bool
    delivered_at: AwareDatetime | None = None
    checkpoints: Annotated[tuple[CheckpointBody, ...], Field(max_length=500)] = ()

    def command(self) -> ReportCourierUpdate:
        return ReportCourierUpdate(
            invoice_number=self.invoice_number,
            is_delivered=self.is_delivered,
            delivered_at=self.delivered_at,
            checkpoints=tuple(
                Checkpoint(
                    city=checkpoint.city,
                    state=checkpoint.state,
                    description=checkpoint.description,
                    at=checkpoint.at,
                )
                for checkpoint in self.checkpoints
            ),
        )


class CancellationBody(_Body):
    """Why an order is to be cancelled; name nobody in it."""

    reason: _Words
    requested_by_user: bool

    def command(self) -> RequestCancellation:
        return RequestCancellation(
            reason=self.reason, requested_by_user=self.requested_by_user
        )
