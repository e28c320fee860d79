"""The public state of an order: the value of the state topic, and its schema."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from service.domain.courier_words import CourierState
from service.domain.stage import TRIGGER_NAMES, Channel, Phase, Stage
from service.domain.statuses import Overlay
from service.domain.tracked_parcels import TrackedParcel
from service.domain.tracking import Tracking
from service.eventlog.records import StreamKey


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageState(_Closed):
    """The My Account stage that an order is in."""

    number: int = Field(ge=1, le=5)
    phase: Phase
    name: str = Field(description="What My Account shows, in English.")
    triggers: tuple[str, ...] = Field(
        description="The trigger keys of the five stages, in order."
    )


class ItemState(_Closed):
    """How many of one item a parcel holds."""

    id: str | None = Field(description="SKU.")
    quantity: int


class ParcelState(_Closed):
    """Items that travel together."""

    invoice_number: str | None = Field(description="Null while it is not invoiced.")
    type: str | None = Field(description="Output (a sale) or Input (a return).")
    items: tuple[ItemState, ...]
    seller: str | None
    channel: str | None = Field(description="VTEX's word for the delivery channel.")
    courier: str | None
    tracking_number: str | None
    courier_state: CourierState
    estimate: datetime | None
    delivered_at: datetime | None


class OrderState(_Closed):
    """An order as it stands after the event that the message is about."""

    account: str
    order_id: str
    order_group: str | None = Field(description="Shared by all orders of one purchase.")
    version: int = Field(ge=1, description="Facts of the order so far.")
    status: str | None = Field(description="VTEX's word, an open vocabulary.")
    status_at: datetime | None = Field(description="Since when it has the status.")
    stage: StageState | None = Field(description="The furthest one reached.")
    overlay: Overlay | None = Field(description="What lies over the stage.")
    channel: Channel | None
    courier_state: CourierState = Field(
        description="Of the parcel that needs attention, else of the least advanced."
    )
    parcels: tuple[ParcelState, ...]
    reached_at: tuple[datetime | None, ...] = Field(
        description="When each of the five stages was first reached."
    )
    ready_at: datetime | None = Field(
        description="When time alone makes the order ready for pickup."
    )
    created_at: datetime = Field(
        description="When VTEX created it; until that is known, our first sight."
    )
    updated_at: datetime = Field(description="When the order changed last.")


def order_state(stream: StreamKey, tracking: Tracking) -> OrderState:
    """Return what the public is told of *tracking*."""
    return OrderState(
        account=stream.account,
        order_id=stream.order_id,
        order_group=tracking.order_group,
        version=tracking.version,
        status=tracking.status,
        status_at=tracking.status_at,
        stage=_stage(tracking.stage, tracking.triggers) if tracking.stage else None,
        overlay=tracking.overlay,
        channel=tracking.channel,
        courier_state=tracking.courier_state,
        parcels=tuple(map(_parcel, tracking.parcels)),
        reached_at=tracking.reached_at,
        ready_at=tracking.ripens_at,
        created_at=tracking.created_at,
        updated_at=tracking.updated_at,
    )


def _stage(stage: Stage, triggers: tuple[str, ...]) -> StageState:
    return StageState(
        number=stage.number,
        phase=stage.phase,
        name=TRIGGER_NAMES[triggers[stage.number - 1]],
        triggers=triggers,
    )


def _parcel(parcel: TrackedParcel) -> ParcelState:
    return ParcelState(
        invoice_number=parcel.invoice_number,
        type=parcel.type,
        items=tuple(
            ItemState(id=item.id, quantity=item.quantity) for item in parcel.items
        ),
        seller=parcel.seller,
        channel=parcel.channel,
        courier=parcel.courier,
        tracking_number=parcel.tracking_number,
        courier_state=parcel.progress.state,
        estimate=parcel.estimate,
        delivered_at=parcel.progress.delivered_at,
    )
