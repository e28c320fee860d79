"""What the read API answers with; the OpenAPI document is made from these."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class OrderSummary(BaseModel):
    """An order as it stands now."""

    account: str
    order_id: str
    order_group: str | None = Field(
        description="Shared by all orders of one purchase, as the marketplace's and the seller's."
    )
    status: str | None = Field(
        description="VTEX's word, an open vocabulary; null while there is no workflow."
    )
    stage: int | None = Field(ge=1, le=5, description="My Account stage.")
    triggers: list[str] | None = Field(
        description="The trigger keys of the five stages."
    )
    trigger_names: list[str] | None = Field(description="The same in English.")
    overlay: str | None = Field(
        description="canceling, canceled, replaced, incomplete or in-error."
    )
    courier_state: str = Field(
        description="Of the package that needs attention, else of the least advanced."
    )
    channel: str | None = Field(description="delivery, pickup or mixed.")
    version: int = Field(description="Facts of the order so far.")
    created_at: datetime = Field(
        description="When VTEX created the order; until that is known, our first sight."
    )
    updated_at: datetime = Field(description="When the order changed last.")


class OrderPage(BaseModel):
    """A page of orders; `next` is the cursor of the page after, null on the last."""

    items: list[OrderSummary]
    next: str | None


class StuckOrder(BaseModel):
    """An order that does not go on as it should."""

    account: str
    order_id: str
    status: str | None
    since: datetime = Field(description="Since when it has the status.")
    expected_seconds: int | None = Field(
        description="Longest time that orders have this status, where it is overdue."
    )
    reason: str = Field(
        description="workflow-in-error, marketplace-incomplete, marketplace-behind, "
        "part-open or overdue."
    )
    other_order_id: str | None = Field(
        description="The order of the same purchase that contradicts this one."
    )
    other_status: str | None
    advice: str = Field(description="What to do about it.")


class StuckPage(BaseModel):
    """A page of stuck orders; `next` is the cursor of the page after."""

    items: list[StuckOrder]
    next: str | None


class ParcelItem(BaseModel):
    """How many of one item a parcel holds."""

    item_index: int | None
    id: str | None
    name: str | None
    quantity: int


class CourierCheckpoint(BaseModel):
    """Where a parcel was seen."""

    city: str | None
    state: str | None
    description: str | None
    at: datetime | None


class CourierProgress(BaseModel):
    """How far a parcel is."""

    state: str
    text: str | None = Field(description="The carrier's own words.")
    last_checkpoint: CourierCheckpoint | None
    delivered_at: datetime | None


class EstimateRevision(BaseModel):
    """An estimate that was given up for another."""

    estimate: datetime | None
    until: datetime


class Parcel(BaseModel):
    """Items that travel together."""

    invoice_number: str | None = Field(description="Null while it is not invoiced.")
    issued_version: int | None = Field(
        description="Version of the fact that issued the invoice here, else null."
    )
    type: str | None = Field(description="Output (a sale) or Input (a return).")
    items: list[ParcelItem]
    seller: str | None
    selected_sla: str | None
    channel: str | None
    courier: str | None
    tracking_number: str | None
    tracking_url: str | None
    progress: CourierProgress
    estimate: datetime | None
    revisions: list[EstimateRevision]


class Total(BaseModel):
    """One line of the order's totals, in cents."""

    id: str
    value: int


class OrderDetails(OrderSummary):
    """An order with everything that the read model holds."""

    status_at: datetime | None = Field(description="Since when it has the status.")
    reached_at: list[datetime | None] = Field(
        description="When each of the five stages was first reached."
    )
    origin: str | None = Field(description="Marketplace, Fulfillment or Chain.")
    marketplace_order_id: str | None
    value: int | None = Field(description="Cents.")
    currency: str | None
    totals: list[Total]
    parcels: list[Parcel]


class TimelineEntry(BaseModel):
    """Something that happened to the order, in words."""

    version: int
    type: str
    title: str
    summary: str | None
    details: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime


class Timeline(BaseModel):
    """What happened to the order, oldest first."""

    items: list[TimelineEntry]


class EventRecord(BaseModel):
    """A fact as the log holds it."""

    id: str
    version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime
    partition: int
    position: int = Field(description="Place in its partition of the log.")
    correlation_id: str | None
    causation_id: str | None
    source: str | None
    actor: str | None
    traceparent: str | None


class EventHistory(BaseModel):
    """The order's stream, oldest first."""

    items: list[EventRecord]


class CallAttempt(BaseModel):
    """One time that a call was sent, or that its outcome was looked up."""

    model_config = ConfigDict(from_attributes=True)

    result: str
    started_at: datetime
    ended_at: datetime
    http_status: int | None
    error: str | None
    response: str | None = Field(description="VTEX's words, shortened.")
    retry_after: float | None = Field(description="Seconds the account was held.")
    trace_id: str | None


class CallRequest(BaseModel):
    """What is sent to VTEX."""

    model_config = ConfigDict(from_attributes=True)

    method: str
    invoice_number: str | None
    body: dict[str, Any] | None


class Call(BaseModel):
    """A call to VTEX's Orders API, made or to be made."""

    model_config = ConfigDict(from_attributes=True)

    call_id: UUID
    kind: str
    cause_version: int = Field(description="Version of the fact that led to it.")
    state: str
    request: CallRequest
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next.")
    deadline: datetime | None = Field(description="When it is given up.")
    settled_at: datetime | None
    reason: str | None = Field(description="Why it was refused or parked.")
    history: list[CallAttempt]


class CallHistory(BaseModel):
    """The order's calls, oldest first."""

    items: list[Call]


class SpanLink(BaseModel):
    """Another span that led to this one."""

    trace_id: str
    span_id: str


class Span(BaseModel):
    """One step of the order's story."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    started_at_ns: int
    duration_ms: float
    status: str
    attributes: dict[str, Any]
    links: list[SpanLink]


class Trace(BaseModel):
    """The spans that belong to the order, oldest first."""

    items: list[Span]


class Liveness(BaseModel):
    """The process runs."""

    status: Literal["alive"]


class CheckResult(BaseModel):
    """What one check found."""

    name: str
    ok: bool
    required: bool
    detail: str | None


class Readiness(BaseModel):
    """Whether requests can be served, and what is missing by name."""

    status: Literal["ready", "degraded"]
    missing: list[str]
    checks: list[CheckResult] | None = None
