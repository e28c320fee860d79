"""The read model of one order: its stage, its parcels and where they are."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from pydantic import TypeAdapter

from service.domain.courier import order_courier_state
from service.domain.courier_words import CourierState
from service.domain.document import OrderDocument, Total
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
    TrackingNumberAssigned,
)
from service.domain.parcels import INPUT
from service.domain.stage import (
    Channel,
    Stage,
    channel_of,
    ready_at,
    stage_of,
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
    TrackedParcel,
    with_courier_update,
    with_document,
    with_invoice,
    with_tracking_number,
    without_refused_invoice,
)

_LAST_STAGE: Final = 5
_UNREACHED: Final[tuple[datetime | None, ...]] = (None,) * _LAST_STAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What is shown of an order."""

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
    reached_at: tuple[datetime | None, ...] = _UNREACHED
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


TRACKING: Final = TypeAdapter(Tracking)
"""Writes a `Tracking` as JSON, and reads it back."""


def evolve_tracking(
    tracking: Tracking | None, fact: OrderFact, *, version: int, at: datetime
) -> Tracking:
    """Return what is shown after *fact*, which was recorded at *at*.

    Nothing but the facts and their envelopes goes in, so a rebuild gives the same.
    """
    if tracking is None:
        fresh = Tracking(version=version, created_at=at, updated_at=at)
        return _after(fresh, fact, version=version, at=at)
    after = _after(effective(tracking, at), fact, version=version, at=at)
    if after != tracking:
        after = replace(after, updated_at=at)
    return replace(after, version=version)


def effective(tracking: Tracking, now: datetime) -> Tracking:
    """Return what is to be shown at *now*: a pickup order gets ready with time."""
    ripe = tracking.ripens_at
    if ripe is None or now < ripe:
        return tracking
    ready = Stage(number=5, phase="doing", pickup=True)
    return _reach(replace(tracking, ripens_at=None), ready, at=ripe)


def _after(
    tracking: Tracking, fact: OrderFact, *, version: int, at: datetime
) -> Tracking:
    match fact:
        case OrderStatusReported():
            return _with_status(tracking, fact, at=at)
        case OrderDetailsFetched():
            return _with_details(tracking, fact, at=at)
        case InvoiceIssued() | TrackingNumberAssigned() | CourierUpdateReceived():
            return _with_own(tracking, fact, version=version)
        case CallRefused() if fact.kind == "invoice":
            left = without_refused_invoice(tracking.parcels, version=fact.cause_version)
            return _with_parcels(tracking, left)
        case CallRefused() | CallSucceeded() | CallParked():
            return tracking
        case HandlingRequested() | CancellationRequested():
            return tracking
        case _:
            assert_never(fact)


def _with_status(
    tracking: Tracking, fact: OrderStatusReported, *, at: datetime
) -> Tracking:
    # Even a late notification tells when a stage was reached.
    reached = _reach(tracking, _told_by(fact.state), at=fact.last_change or at)
    return _with_state(reached, fact.state, fact.last_change)


def _told_by(status: str | None) -> Stage | None:
    # My Account has no place for start-handling, which is a part of handling.
    status = "handling" if status == START_HANDLING else status
    return stage_of_status(status, pickup=False)


def _with_state(
    tracking: Tracking,
    status: str | None,
    at: datetime | None,
    *,
    in_error: bool | None = None,
) -> Tracking:
    """Take a status over if it is news; *in_error* is None where nobody told."""
    before = tracking.status
    if replaces(status, at, current=before, current_at=tracking.status_at):
        tracking = replace(tracking, status=status, status_at=at)
    if in_error is None:
        in_error = tracking.overlay == "in-error" and tracking.status == before
    return replace(
        tracking,
        overlay=overlay_of(tracking.status, in_error=in_error),
        ripens_at=tracking.ripens_at if tracking.status == INVOICED else None,
    )


def _with_details(
    tracking: Tracking, fact: OrderDetailsFetched, *, at: datetime
) -> Tracking:
    document = fact.document
    known_at, told_at = tracking.document_at, document.last_change
    is_older = known_at is not None and told_at is not None and told_at < known_at
    if is_older or fact.hash == tracking.document_hash:
        return tracking
    described = _described(tracking, fact)
    parcels = with_document(tracking.parcels, document, at=at)
    reached = _with_stages(_with_parcels(described, parcels), document, at=at)
    return _with_state(
        reached, document.status, told_at, in_error=document.workflow_is_in_error
    )


def _described(tracking: Tracking, fact: OrderDetailsFetched) -> Tracking:
    document = fact.document
    return replace(
        tracking,
        created_at=document.creation_date or tracking.created_at,
        channel=channel_of(document),
        origin=document.origin,
        order_group=document.order_group,
        marketplace_order_id=document.marketplace_order_id,
        value=document.value,
        currency=document.currency,
        totals=document.totals,
        document_at=document.last_change or tracking.document_at,
        document_hash=fact.hash,
    )


def _with_stages(
    tracking: Tracking, document: OrderDocument, *, at: datetime
) -> Tracking:
    stage = stage_of(document, at) or _told_by(document.status)
    ripe = ready_at(document)
    dates = {
        1: document.creation_date,
        3: document.authorized_date,
        4: document.invoiced_date,
        5: ripe,
    }
    number = stage.number if stage else 0
    reached = _reach(tracking, stage, at=dates.get(number) or at)
    times = reached.reached_at
    for earlier, date in dates.items():
        if earlier < number and date is not None:
            times = _earliest(times, earlier, date)
    ripens = reached.stage is not None and reached.stage.number < _LAST_STAGE
    return replace(reached, reached_at=times, ripens_at=ripe if ripens else None)


def _reach(tracking: Tracking, stage: Stage | None, *, at: datetime) -> Tracking:
    """Move to *stage* where that is forward; tell in any case what it looks like."""
    known = [s for s in (tracking.stage, stage) if s is not None]
    if not known:
        return tracking
    furthest = replace(
        max(known, key=lambda s: s.rank), pickup=tracking.channel == "pickup"
    )
    times = tracking.reached_at
    if stage is not None and stage.phase != "to-do":
        times = _earliest(times, stage.number, at)
    return replace(
        tracking, stage=furthest, triggers=triggers(furthest), reached_at=times
    )


def _earliest(
    times: tuple[datetime | None, ...], number: int, at: datetime
) -> tuple[datetime | None, ...]:
    known = times[number - 1]
    first = at if known is None else min(known, at)
    return (*times[: number - 1], first, *times[number:])


def _with_own(
    tracking: Tracking,
    fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived,
    *,
    version: int,
) -> Tracking:
    known = tracking.parcels
    match fact:
        case InvoiceIssued():
            return _with_parcels(tracking, with_invoice(known, fact, version=version))
        case TrackingNumberAssigned():
            return _with_parcels(tracking, with_tracking_number(known, fact))
        case CourierUpdateReceived():
            return _with_parcels(tracking, with_courier_update(known, fact))


def _with_parcels(tracking: Tracking, parcels: tuple[TrackedParcel, ...]) -> Tracking:
    states = (parcel.progress.state for parcel in parcels if parcel.type != INPUT)
    return replace(tracking, parcels=parcels, courier_state=order_courier_state(states))
