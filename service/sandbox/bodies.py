"""The request bodies of the Orders API, as far as the OMS reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from service.sandbox.packages import InvoiceType
from service.sandbox.refusals import InvalidBodyError

Json = Mapping[str, object]

_Model = TypeVar("_Model", bound=BaseModel)


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class InvoiceLine(_Body):
    """One line of an invoice: a SKU, cents a unit, how many."""

    id: Text
    price: Annotated[int, Field(ge=0)]
    quantity: Annotated[int, Field(gt=0)]
    description: str | None = None


class InvoiceNotice(_Body):
    """An invoice, or a return."""

    type: InvoiceType
    issuance_date: Moment = Field(alias="issuanceDate")
    invoice_number: Text = Field(alias="invoiceNumber")
    invoice_value: int = Field(alias="invoiceValue", ge=0)
    items: tuple[InvoiceLine, ...]
    invoice_key: str | None = Field(None, alias="invoiceKey")
    invoice_url: str | None = Field(None, alias="invoiceUrl")
    embedded_invoice: str | None = Field(None, alias="embeddedInvoice")
    courier: str | None = None
    tracking_number: str | None = Field(None, alias="trackingNumber")
    tracking_url: str | None = Field(None, alias="trackingUrl")
    dispatched_date: Moment | None = Field(None, alias="dispatchedDate")


class TrackingNumber(_Body):
    """The tracking number of an invoiced package; three keys may hold null."""

    tracking_number: Text = Field(alias="trackingNumber")
    tracking_url: str | None = Field(alias="trackingUrl")
    courier: str | None
    dispatched_date: Moment | None = Field(alias="dispatchedDate")


class TrackingEvent(_Body):
    """Where the package was seen."""

    city: str
    state: str
    description: str
    date: Moment


class TrackingUpdate(_Body):
    """Where a package is; `deliveredDate` may be null."""

    is_delivered: bool = Field(alias="isDelivered")
    delivered_date: Moment | None = Field(alias="deliveredDate")
    events: tuple[TrackingEvent, ...]


class CancelRequest(_Body):
    """Why an order should be cancelled."""

    reason: str = ""
    requested_by_user: bool = Field(False, alias="requestedByUser")


class Denial(_Body):
    """A seller's no to a cancellation that somebody asked for."""

    request_id: Text = Field(alias="cancellationRequestId")
    reason: str = Field("", alias="denyReason")


def read_body(model: type[_Model], body: object) -> _Model:
    """Return *body* as *model*.

    Raises:
        InvalidBodyError: Names every field that is missing or wrong.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidBodyError(
            {
                ".".join(map(str, fault["loc"])) or "body": fault["msg"]
                for fault in error.errors(include_input=False, include_url=False)
            }
        ) from None
