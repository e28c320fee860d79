"""The read model of one order: its stage, its parcels and where they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, assert_never

from pydantic import TypeAdapter

from service.domain.courier import order_courier_state
from service.domain.courier_words import CourierState
from service.domain.document import OrderDocument, Total
from service.domain.facts import (
    CourierUpdateReceived,
    InvoiceIssued,
    OrderDetailsFetched,
    OrderFact,
    OrderStatusReported,
    TrackingNumberAssigned,
)
from service.domain.parcels import INPUT
from service.domain.stage import (
    Channel,
    Stage,
    Way,
    stage_at,
    stage_of_status,
    triggers,
)
from service.domain.statuses import (
    INVOICED,
    START_HANDLING,
    Overlay,
    overlay_of,
    replaces,
)
from service.domain.tracked_parcels import (
    Shipping,
    TrackedParcel,
    with_courier_update,
    with_invoice,
    with_shipping,
    with_tracking_number,
    without_refused_invoice,
)

_LAST_STAGE: Final = 5
_Changes = dict[str, object]
_Times = tuple[datetime | None, ...]
_UNREACHED: Final[_Times] = (None,) * _LAST_STAGE


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """What is shown of an order.

    It has no slots, because each fact makes a copy and a dict is copied quickest.
    """

    version: int
    """Of the last fact that is in here."""
    created_at: datetime
    """When the order was placed; until we know, when we first heard of it."""
    updated_at: datetime
    """When a fact last changed anything in here."""
    status: str | None = None
    """VTEX's word, an open vocabulary."""
    status_at: datetime | None = None
    overlay: Overlay | None = None
    stage: Stage | None = None
    """The furthest one reached."""
    triggers: tuple[str, ...] = ()
    """Of the five stages, in order; empty while there is no stage."""
    reached_at: _Times = _UNREACHED
    """When each of the five stages was first reached, as far as we know."""
    ripens_at: datetime | None = None
    """When time alone makes the order ready for pickup."""
    courier_state: CourierState = "pending"
    parcels: tuple[TrackedParcel, ...] = ()
    channel: Channel | None = None
    origin: str | None = None
    """Marketplace, Fulfillment or Chain."""
    order_group: str | None = None
    """Shared by all orders of one purchase."""
    marketplace_order_id: str | None = None
    value: int | None = None
    """Cents."""
    currency: str | None = None
    totals: tuple[Total, ...] = ()
    document_at: datetime | None = None
    """The last change that the document tells of."""
    document_hash: str | None = None

    def changed(self, values: _Changes) -> Self:
        """Return a copy with other *values*."""
        # dataclasses.replace takes ten times as long.
        copy = object.__new__(type(self))
        object.__setattr__(copy, "__dict__", vars(self) | values)
        return copy


TRACKING: Final = TypeAdapter(Tracking)
"""Writes a `Tracking` as JSON, and reads it back."""


def evolve_tracking(
    tracking: Tracking | None,
    fact: OrderFact,
    *,
    version: int,
    at: datetime,
    shipping: Shipping | None = None,
) -> Tracking:
    """Return what is shown after *fact*, which was recorded at *at*.

    Nothing but the facts and their envelopes goes in, so a rebuild gives the same.
    *shipping* is that of the fact's document, where it is known already.
    """
    if tracking is None:
        tracking = Tracking(version=version, created_at=at, updated_at=at)
    shown = effective(tracking, at)
    changes = _changes(shown, fact, version=version, at=at, shipping=shipping)
    if shown is not tracking or not changes.items() <= vars(shown).items():
        changes["updated_at"] = at
    changes["version"] = version
    return shown.changed(changes)


def effective(tracking: Tracking, now: datetime) -> Tracking:
    """Return what is to be shown at *now*: a pickup order gets ready with time."""
    ripe = tracking.ripens_at
    if ripe is None or now < ripe:
        return tracking
    ready = stage_at(5, "doing", pickup=True)
    reached = _reached(tracking, ready, at=ripe, channel=tracking.channel)
    return tracking.changed({"ripens_at": None, **_moved(tracking, *reached)})


def _changes(
    tracking: Tracking,
    fact: OrderFact,
    *,
    version: int,
    at: datetime,
    shipping: Shipping | None,
) -> _Changes:
    # By its name: whether a model is of a class takes pydantic ten times as long.
    match fact.type:
        case "OrderStatusReported":
            return _by_status(tracking, fact, at=at)
        case "OrderDetailsFetched":
            return _by_details(tracking, fact, at=at, shipping=shipping)
        case "InvoiceIssued" | "TrackingNumberAssigned" | "CourierUpdateReceived":
            return _by_parcels(_with_own(tracking.parcels, fact, version=version))
        case "CallRefused" if fact.kind == "invoice":
            left = without_refused_invoice(tracking.parcels, version=fact.cause_version)
            return _by_parcels(left)
        case "CallRefused" | "CallSucceeded" | "CallParked":
            return {}
        case "HandlingRequested" | "CancellationRequested" | "PersonalDataErased":
            return {}
        case _:
            assert_never(fact)


def _by_status(
    tracking: Tracking, fact: OrderStatusReported, *, at: datetime
) -> _Changes:
    # Even a late notification tells when a stage was reached.
    told, reached_at = _told_by(fact.state), fact.last_change or at
    reached = _reached(tracking, told, at=reached_at, channel=tracking.channel)
    changes = _by_state(tracking, fact.state, fact.last_change)
    changes |= _moved(tracking, *reached)
    if changes["status"] != INVOICED:
        changes["ripens_at"] = None
    return changes


def _told_by(status: str | None) -> Stage | None:
    # My Account has no place for start-handling, which is a part of handling.
    status = "handling" if status == START_HANDLING else status
    return stage_of_status(status, pickup=False)


def _by_state(
    tracking: Tracking,
    status: str | None,
    at: datetime | None,
    *,
    in_error: bool | None = None,
) -> _Changes:
    """Take a status over if it is news; *in_error* is None where nobody told."""
    before, before_at = tracking.status, tracking.status_at
    if not replaces(status, at, current=before, current_at=before_at):
        status, at = before, before_at
    if in_error is None:
        in_error = tracking.overlay == "in-error" and status == before
    overlay = overlay_of(status, in_error=in_error)
    return {"status": status, "status_at": at, "overlay": overlay}


def _by_details(
    tracking: Tracking,
    fact: OrderDetailsFetched,
    *,
    at: datetime,
    shipping: Shipping | None,
) -> _Changes:
    document = fact.document
    known_at, told_at = tracking.document_at, document.last_change
    is_older = known_at is not None and told_at is not None and told_at < known_at
    if is_older or fact.hash == tracking.document_hash:
        return {}
    shipping = shipping or Shipping.of(document)
    changes = _by_description(tracking, fact, shipping.way)
    changes |= _by_parcels(with_shipping(tracking.parcels, shipping, at=at))
    changes |= _by_stages(tracking, document, shipping.way, at=at)
    changes |= _by_state(
        tracking, document.status, told_at, in_error=document.workflow_is_in_error
    )
    if changes["status"] != INVOICED:
        changes["ripens_at"] = None
    return changes


def _by_description(
    tracking: Tracking, fact: OrderDetailsFetched, way: Way
) -> _Changes:
    document = fact.document
    return {
        "document_hash": fact.hash,
        "document_at": document.last_change or tracking.document_at,
        "created_at": document.creation_date or tracking.created_at,
        "channel": way.channel,
        "origin": document.origin,
        "order_group": document.order_group,
        "marketplace_order_id": document.marketplace_order_id,
        "value": document.value,
        "currency": document.currency,
        "totals": document.totals,
    }


def _by_stages(
    tracking: Tracking, document: OrderDocument, way: Way, *, at: datetime
) -> _Changes:
    status, ripe = document.status, way.ready_at(document.status)
    stage = way.stage(status, at) or _told_by(status)
    dates = {
        1: document.creation_date,
        3: document.authorized_date,
        4: document.invoiced_date,
        5: ripe,
    }
    number = stage.number if stage else 0
    furthest, times = _reached(
        tracking, stage, at=dates.get(number) or at, channel=way.channel
    )
    for earlier, date in dates.items():
        if earlier < number and date is not None:
            times = _earliest(times, earlier, date)
    ripens = furthest is not None and furthest.number < _LAST_STAGE
    return {
        **_moved(tracking, furthest, times),
        "ripens_at": ripe if ripens else None,
    }


def _reached(
    tracking: Tracking, stage: Stage | None, *, at: datetime, channel: Channel | None
) -> tuple[Stage | None, _Times]:
    """Move to *stage* where that is forward; tell in any case what it looks like."""
    furthest, times = tracking.stage, tracking.reached_at
    if stage is not None:
        if furthest is None or stage.rank > furthest.rank:
            furthest = stage
        if stage.phase != "to-do":
            times = _earliest(times, stage.number, at)
    pickup = channel == "pickup"
    if furthest is not None and furthest.pickup != pickup:
        furthest = stage_at(furthest.number, furthest.phase, pickup=pickup)
    return furthest, times


def _moved(tracking: Tracking, stage: Stage | None, times: _Times) -> _Changes:
    if stage is None or stage is tracking.stage:
        return {"reached_at": times}
    return {"stage": stage, "triggers": triggers(stage), "reached_at": times}


def _earliest(times: _Times, number: int, at: datetime) -> _Times:
    known = times[number - 1]
    if known is not None and known <= at:
        return times
    return (*times[: number - 1], at, *times[number:])


def _with_own(
    known: tuple[TrackedParcel, ...],
    fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived,
    *,
    version: int,
) -> tuple[TrackedParcel, ...]:
    match fact.type:
        case "InvoiceIssued":
            return with_invoice(known, fact, version=version)
        case "TrackingNumberAssigned":
            return with_tracking_number(known, fact)
        case "CourierUpdateReceived":
            return with_courier_update(known, fact)


def _by_parcels(parcels: tuple[TrackedParcel, ...]) -> _Changes:
    states = [parcel.progress.state for parcel in parcels if parcel.type != INPUT]
    return {"parcels": parcels, "courier_state": order_courier_state(states)}
