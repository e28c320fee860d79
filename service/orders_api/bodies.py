"""Bodies of requests: models of ours that go out in VTEX's spelling, or mappings as they are."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Request(BaseModel):
    """A body: what was not set stays out, and what we do not know goes along."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, validate_by_name=True
    )


Body: TypeAlias = Request | Mapping[str, object] | Sequence[Mapping[str, object]]


def spelt(body: Body) -> object:
    """Return *body* as VTEX spells it."""
    if isinstance(body, Request):
        return body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return body


class Cancellation(Request):
    """Why an order is cancelled, and whether its customer wants it."""

    reason: str | None = None
    requested_by_user: bool | None = None


class LogEntry(Request):
    """A line among an order's interactions."""

    source: str
    message: str


class InvoicedItem(Request):
    """Pieces of a SKU on an invoice, each at *price* cents."""

    id: str
    price: int
    quantity: int
    description: str | None = None


class Invoice(Request):
    """An invoice: Output sells, Input takes back; the value is in cents."""

    type: Literal["Output", "Input"]
    issuance_date: str
    invoice_number: str
    invoice_value: str | int
    items: tuple[InvoicedItem, ...]
    invoice_key: str | None = None
    invoice_url: str | None = None
    embedded_invoice: str | None = None
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    dispatched_date: str | None = None


class Dispatch(Request):
    """How an invoice's package travels."""

    tracking_number: str
    tracking_url: str | None
    courier: str | None
    dispatched_date: str | None


class TrackingEvent(Request):
    """What happened to a package, where and when (`2026-03-01 14:30`)."""

    city: str
    state: str
    description: str
    date: str


class Tracking(Request):
    """Where a package is; it has a *delivered_date* once it is delivered."""

    is_delivered: bool
    delivered_date: str | None
    events: tuple[TrackingEvent, ...]


class ChangedItem(Request):
    """Pieces of a SKU that come or go, each at *price* cents."""

    id: str
    price: int
    quantity: int


class RegisteredChange(Request):
    """A change of the old kind: items and amounts, in cents."""

    request_id: str
    reason: str
    discount_value: int
    increment_value: int
    items_removed: tuple[ChangedItem, ...] = ()
    items_added: tuple[ChangedItem, ...] = ()


class ModifiedItem(Request):
    """An item that leaves an order or comes into it; *unique_id* tells like ones apart."""

    id: str
    quantity: int
    unique_id: str | None = None
    price: int | None = None


class ModifiedItems(Request):
    """Items that leave an order, or come into it with their delivery."""

    items: tuple[ModifiedItem, ...]


class Replacement(Request):
    """Items in place of others."""

    from_: Annotated[ModifiedItems, Field(alias="from")]
    to: ModifiedItems


class Modification(Request):
    """A modification: what is added, removed and replaced together, and why."""

    reason: str
    replace: tuple[Replacement, ...] = ()
    add: tuple[ModifiedItems, ...] = ()
    remove: tuple[ModifiedItems, ...] = ()


class ModificationCancellation(Request):
    """Why a modification that failed is given up."""

    reason: str


class Filter(Request):
    """Which changes of orders are told: statuses, or an expression in JSONata."""

    type: Literal["FromWorkflow", "FromOrders"]
    status: tuple[str, ...] = ()
    expression: str | None = None
    disable_single_fire: bool | None = None


class Queue(Request):
    """How long the feed keeps an item, and hides one that was taken."""

    visibility_timeout_in_seconds: int
    message_retention_period_in_seconds: Annotated[
        int, Field(alias="MessageRetentionPeriodInSeconds")
    ]


class FeedConfig(Request):
    """What comes into the feed and how long it stays."""

    filter: Filter
    queue: Queue


class Push(Request):
    """Where changes are pushed to, and with which headers."""

    url: str
    headers: Mapping[str, str] = {}


class HookConfig(Request):
    """What is pushed, and where to."""

    filter: Filter
    hook: Push


class Commit(Request):
    """Handles of items that are done with."""

    handles: tuple[str, ...]


class Trial(Request):
    """An expression, and the JSON document in a string to try it on."""

    expression: Annotated[str, Field(alias="Expression")]
    document: Annotated[str, Field(alias="Document")]


class WindowToChangeSeller(Request):
    """Days in which another seller may take over what one cancelled."""

    waiting_time: int
