"""What happened to an order: the events of its stream, none with personal data."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.document import OrderDocument, PartialCheckpoint

CallKind = Literal["start-handling", "invoice", "tracking-number", "tracking", "cancel"]
StatusSource = Literal["feed", "hook", "reconciler"]
InvoiceType = Literal["Output", "Input"]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class InvoiceItem(BaseModel):
    """One line of an invoice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """SKU, as in the order."""
    price: int = Field(ge=0)
    """Cents a unit."""
    quantity: int = Field(gt=0)


class Checkpoint(PartialCheckpoint):
    """Where the carrier saw a package: always with words and a time."""

    description: str = Field(min_length=1)
    at: AwareDatetime


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: ClassVar[int] = 1
    upcasters: ClassVar[Mapping[int, Upcaster]] = MappingProxyType({})
    """By each earlier schema version, what makes its payload one of the next."""


class OrderStatusReported(_Fact):
    """VTEX told us, or the reconciler found, that the order has a status."""

    type: Literal["OrderStatusReported"] = "OrderStatusReported"
    state: str | None
    """The status, an open vocabulary; null while there is no workflow."""
    last_state: str | None
    """The status before, as far as VTEX tells."""
    domain: str | None
    """Marketplace or Fulfillment."""
    last_change: AwareDatetime | None
    """When the order came into *state*; the only order among notifications."""
    source: StatusSource
    """Who told us first."""


class OrderDetailsFetched(_Fact):
    """We read the order at VTEX, and it was not what we had."""

    type: Literal["OrderDetailsFetched"] = "OrderDetailsFetched"
    document: OrderDocument
    hash: str
    """SHA-256 of the document, in hex; the same document is not recorded twice."""


class HandlingRequested(_Fact):
    """Somebody, or the policy, wants the order's handling to start."""

    type: Literal["HandlingRequested"] = "HandlingRequested"
    requested_by: str
    """Name of the policy or of the API client; never a person's."""


class InvoiceIssued(_Fact):
    """The merchant issued an invoice for all or part of the order."""

    type: Literal["InvoiceIssued"] = "InvoiceIssued"
    invoice_type: InvoiceType
    """Output for a sale, Input for a return."""
    invoice_number: str
    """Unique in the order; letters, digits, dot, dash and underscore."""
    invoice_value: int
    """Cents."""
    issuance_date: AwareDatetime
    items: tuple[InvoiceItem, ...]
    """What it covers, one line a SKU."""
    invoice_key: str | None = None
    """The tax authority's key."""
    invoice_url: str | None = None
    courier: str | None = None
    """Name of the carrier."""
    tracking_number: str | None = None
    tracking_url: str | None = None


class TrackingNumberAssigned(_Fact):
    """An invoiced package got its tracking number."""

    type: Literal["TrackingNumberAssigned"] = "TrackingNumberAssigned"
    invoice_number: str
    """The package's invoice."""
    tracking_number: str
    tracking_url: str | None = None
    courier: str | None = None
    """Name of the carrier."""
    dispatched_date: AwareDatetime | None = None


class CourierUpdateReceived(_Fact):
    """The carrier told where a package is."""

    type: Literal["CourierUpdateReceived"] = "CourierUpdateReceived"
    invoice_number: str
    """The package's invoice."""
    is_delivered: bool
    delivered_at: AwareDatetime | None = None
    """Only, and always, when it is delivered."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """The whole way so far, not only what is new."""


class CancellationRequested(_Fact):
    """Somebody asked for the order to be cancelled."""

    type: Literal["CancellationRequested"] = "CancellationRequested"
    reason: str
    """For VTEX and the merchant; never a person's name."""
    requested_by_user: bool
    """True when the shopper asked, false when the merchant did."""


class _CallFact(_Fact):
    call_id: str
    """Of the row in the queue of outgoing calls."""
    kind: CallKind
    cause_version: int
    """Version, in this stream, of the fact that led to the call."""
    attempts: int
    """How often the call was sent."""


class CallSucceeded(_CallFact):
    """VTEX did what we asked, or had done so before."""

    type: Literal["CallSucceeded"] = "CallSucceeded"
    receipt: str | None
    """VTEX's receipt, where the operation gives one."""
    http_status: int | None
    """Of the last answer; null when a look at the order showed success."""


class CallRefused(_CallFact):
    """VTEX will not do what we asked, however often we ask."""

    type: Literal["CallRefused"] = "CallRefused"
    http_status: int
    """Of VTEX's answer; 409 too where nothing was sent, as the order forbade it."""
    code: str | None
    """VTEX's error code, such as OMS003."""
    reason: str
    """VTEX's words, shortened; ours where nothing was sent."""


class CallParked(_CallFact):
    """We gave a call up for now; an operator can replay it."""

    type: Literal["CallParked"] = "CallParked"
    reason: str


class PersonalDataErased(_Fact):
    """The order's personal data was deleted, and none is taken of it again."""

    type: Literal["PersonalDataErased"] = "PersonalDataErased"


OrderFact = Annotated[
    OrderStatusReported
    | OrderDetailsFetched
    | HandlingRequested
    | InvoiceIssued
    | TrackingNumberAssigned
    | CourierUpdateReceived
    | CancellationRequested
    | CallSucceeded
    | CallRefused
    | CallParked
    | PersonalDataErased,
    Field(discriminator="type"),
]

FACTS: Final[Mapping[str, type[OrderFact]]] = MappingProxyType(
    {
        fact.__name__: fact
        for fact in (
            OrderStatusReported,
            OrderDetailsFetched,
            HandlingRequested,
            InvoiceIssued,
            TrackingNumberAssigned,
            CourierUpdateReceived,
            CancellationRequested,
            CallSucceeded,
            CallRefused,
            CallParked,
            PersonalDataErased,
        )
    }
)
"""Every fact by the name under which it is stored."""
