"""The read model of one order: its stage, its parcels and where they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

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
    TrackedParcels,
    copied,
    with_courier_update,
    with_invoice,
    with_split,
    with_tracking_number,
    without_refused_invoice,
)

_LAST_STAGE: Final = 5
_Times = tuple[datetime | None, ...]
_UNREACHED: Final[_Times] = (None,) * _LAST_STAGE


@dataclass(kw_only=True)
class Tracking:
    """What is shown of an order.

    It is not frozen, for each fact changes a copy in place, but nobody else changes it.
    It has no slots, for a dict is copied quickest.
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
    parcels: TrackedParcels = ()
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


TRACKING: Final = TypeAdapter(Tracking)
"""Writes a `Tracking` as JSON, and reads it back."""


def evolve_tracking(
    tracking: Tracking | None, fact: OrderFact, *, version: int, at: datetime
) -> Tracking:
    """Return what is shown after *fact*, which was recorded at *at*.

    Nothing but the facts and their envelopes goes in, so a rebuild gives the same.
    """
    if tracking is None:
        tracking = Tracking(version=version, created_at=at, updated_at=at)
    after = copied(tracking)
    _ripen(after, at)
    _take(after, fact, version=version, at=at)
    if vars(after) != vars(tracking):
        after.updated_at = at
    after.version = version
    return after


def effective(tracking: Tracking, now: datetime) -> Tracking:
    """Return what is to be shown at *now*: a pickup order gets ready with time."""
    if tracking.ripens_at is None or now < tracking.ripens_at:
        return tracking
    ready = copied(tracking)
    _ripen(ready, now)
    return ready


def _ripen(tracking: Tracking, now: datetime) -> None:
    ripe = tracking.ripens_at
    if ripe is not None and ripe <= now:
        tracking.ripens_at = None
        _reach(tracking, stage_at(5, "doing", pickup=True), at=ripe)


def _take(tracking: Tracking, fact: OrderFact, *, version: int, at: datetime) -> None:
    # By its name: whether a model is of a class takes pydantic ten times as long.
    match fact.type:
        case "OrderStatusReported":
            _take_status(tracking, fact, at=at)
        case "OrderDetailsFetched":
            _take_details(tracking, fact, at=at)
        case "InvoiceIssued" | "TrackingNumberAssigned" | "CourierUpdateReceived":
            _take_parcels(tracking, _with_own(tracking.parcels, fact, version=version))
        case "CallRefused" if fact.kind == "invoice":
            refused = fact.cause_version
            left = without_refused_invoice(tracking.parcels, version=refused)
            _take_parcels(tracking, left)
        case "CallRefused" | "CallSucceeded" | "CallParked":
            pass
        case "HandlingRequested" | "CancellationRequested" | "PersonalDataErased":
            pass
        case _:
            assert_never(fact)


def _with_own(
    known: TrackedParcels,
    fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived,
    *,
    version: int,
) -> TrackedParcels:
    match fact.type:
        case "InvoiceIssued":
            return with_invoice(known, fact, version=version)
        case "TrackingNumberAssigned":
            return with_tracking_number(known, fact)
        case "CourierUpdateReceived":
            return with_courier_update(known, fact)


def _take_status(
    tracking: Tracking, fact: OrderStatusReported, *, at: datetime
) -> None:
    # Even a late notification tells when a stage was reached.
    _reach(tracking, _told_by(fact.state), at=fact.last_change or at)
    _take_state(tracking, fact.state, fact.last_change)


def _told_by(status: str | None) -> Stage | None:
    # My Account has no place for start-handling, which is a part of handling.
    status = "handling" if status == START_HANDLING else status
    return stage_of_status(status, pickup=False)


def _take_state(
    tracking: Tracking,
    status: str | None,
    at: datetime | None,
    *,
    in_error: bool | None = None,
) -> None:
    """Take a status over if it is news; *in_error* is None where nobody told."""
    before, before_at = tracking.status, tracking.status_at
    if replaces(status, at, current=before, current_at=before_at):
        tracking.status, tracking.status_at = status, at
    if in_error is None:
        in_error = tracking.overlay == "in-error" and tracking.status == before
    tracking.overlay = overlay_of(tracking.status, in_error=in_error)
    if tracking.status != INVOICED:
        tracking.ripens_at = None


def _take_details(
    tracking: Tracking, fact: OrderDetailsFetched, *, at: datetime
) -> None:
    document, known_at = fact.document, tracking.document_at
    told_at = document.last_change
    is_older = known_at is not None and told_at is not None and told_at < known_at
    if is_older or fact.hash == tracking.document_hash:
        return
    tracking.document_hash = fact.hash
    way = Way.of(document)
    _describe(tracking, document, way)
    _take_parcels(tracking, with_split(tracking.parcels, way.parcels, at=at))
    _take_stages(tracking, document, way, at=at)
    _take_state(
        tracking, document.status, told_at, in_error=document.workflow_is_in_error
    )


def _describe(tracking: Tracking, document: OrderDocument, way: Way) -> None:
    tracking.document_at = document.last_change or tracking.document_at
    tracking.created_at = document.creation_date or tracking.created_at
    tracking.channel = way.channel
    tracking.origin = document.origin
    tracking.order_group = document.order_group
    tracking.marketplace_order_id = document.marketplace_order_id
    tracking.value = document.value
    tracking.currency = document.currency
    tracking.totals = document.totals


def _take_stages(
    tracking: Tracking, document: OrderDocument, way: Way, *, at: datetime
) -> None:
    status, ripe = document.status, way.ready_at(document.status)
    stage = way.stage(status, at) or _told_by(status)
    number = stage.number if stage else 1
    # VTEX does not tell when the payment was waited for.
    dates = (
        document.creation_date,
        None,
        document.authorized_date,
        document.invoiced_date,
        ripe,
    )
    _reach(tracking, stage, at=dates[number - 1] or at)
    for earlier, date in enumerate(dates[: number - 1], 1):
        if date is not None:
            tracking.reached_at = _earliest(tracking.reached_at, earlier, date)
    furthest = tracking.stage
    ripens = furthest is not None and furthest.number < _LAST_STAGE
    tracking.ripens_at = ripe if ripens else None


def _reach(tracking: Tracking, stage: Stage | None, *, at: datetime) -> None:
    """Move to *stage* where that is forward; tell in any case what it looks like."""
    furthest = tracking.stage
    if stage is not None:
        if furthest is None or stage.rank > furthest.rank:
            furthest = stage
        if stage.phase != "to-do":
            tracking.reached_at = _earliest(tracking.reached_at, stage.number, at)
    pickup = tracking.channel == "pickup"
    if furthest is not None and furthest.pickup != pickup:
        furthest = stage_at(furthest.number, furthest.phase, pickup=pickup)
    if furthest is not None and furthest is not tracking.stage:
        tracking.stage, tracking.triggers = furthest, triggers(furthest)


def _earliest(times: _Times, number: int, at: datetime) -> _Times:
    known = times[number - 1]
    if known is not None and known <= at:
        return times
    return (*times[: number - 1], at, *times[number:])


def _take_parcels(tracking: Tracking, parcels: TrackedParcels) -> None:
    tracking.parcels = parcels
    states = [parcel.progress.state for parcel in parcels if parcel.type != INPUT]
    tracking.courier_state = order_courier_state(states)
