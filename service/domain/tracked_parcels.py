"""The parcels of the read model: VTEX's document, and our own facts before it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from service.domain.courier import (
    NOT_SEEN,
    CourierProgress,
    later_progress,
    progress_of,
    progress_of_update,
)
from service.domain.document import Package
from service.domain.facts import (
    CourierUpdateReceived,
    InvoiceIssued,
    TrackingNumberAssigned,
)
from service.domain.parcels import OUTPUT, Line, Parcel

_NO_PACKAGE: Final = Package()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRevision:
    """An estimate that was given up for another."""

    estimate: datetime | None
    until: datetime
    """When we learned the next one."""


@dataclass(kw_only=True)
class TrackedParcel:
    """A parcel with what is known of its way; not frozen, as `Tracking` is not."""

    invoice_number: str | None = None
    """Null while the parcel is not invoiced."""
    type: str | None = None
    """Output (a sale) or Input (a return)."""
    items: tuple[Line, ...] = ()
    seller: str | None = None
    selected_sla: str | None = None
    channel: str | None = None
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    progress: CourierProgress = NOT_SEEN
    estimate: datetime | None = None
    revisions: tuple[EstimateRevision, ...] = ()
    """Earlier estimates, oldest first."""
    issued_version: int | None = None
    """Version of our InvoiceIssued, until VTEX shows the invoice."""

    @property
    def is_uninvoiced(self) -> bool:
        """Whether the parcel has no package yet."""
        return self.invoice_number is None and self.type is None


TrackedParcels = tuple[TrackedParcel, ...]


def copied(original: _T) -> _T:
    """Return a copy that may be changed; `copy.copy` takes five times as long."""
    copy = object.__new__(type(original))
    copy.__dict__ = vars(original).copy()
    return copy


def with_split(
    known: TrackedParcels, split: Iterable[Parcel], *, at: datetime
) -> TrackedParcels:
    """Return the parcels into which a document is *split*, with what we knew of them.

    Invoices of ours that VTEX does not show yet stay.
    """
    told = tuple([_told(parcel, known, at=at) for parcel in split])
    invoices = [parcel.invoice_number for parcel in told]
    for parcel in known:
        if parcel.issued_version is not None and parcel.invoice_number not in invoices:
            told = (*_without(told, parcel), parcel)
    return told


def with_invoice(
    known: TrackedParcels, fact: InvoiceIssued, *, version: int
) -> TrackedParcels:
    """Pack what the invoice covers into a parcel of its own."""
    if fact.invoice_number in [parcel.invoice_number for parcel in known]:
        return known
    packed = TrackedParcel(
        invoice_number=fact.invoice_number,
        type=fact.invoice_type,
        items=tuple([Line(id=i.id, quantity=i.quantity) for i in fact.items]),
        courier=fact.courier,
        tracking_number=fact.tracking_number,
        tracking_url=fact.tracking_url,
        issued_version=version,
    )
    source = _source(packed, known)
    if source is not None:
        packed.items = tuple([_described(line, source) for line in packed.items])
        packed.seller = source.seller
        packed.selected_sla = source.selected_sla
        packed.channel = source.channel
        packed.estimate = source.estimate
        packed.revisions = source.revisions
    return (*_without(known, packed), packed)


def with_tracking_number(
    known: TrackedParcels, fact: TrackingNumberAssigned
) -> TrackedParcels:
    """Put the tracking number on its parcel."""
    parcels = list(known)
    for place, parcel in enumerate(known):
        if parcel.invoice_number == fact.invoice_number:
            parcels[place] = numbered = copied(parcel)
            numbered.tracking_number = fact.tracking_number
            numbered.tracking_url = fact.tracking_url or parcel.tracking_url
            numbered.courier = fact.courier or parcel.courier
    return tuple(parcels)


def with_courier_update(
    known: TrackedParcels, fact: CourierUpdateReceived
) -> TrackedParcels:
    """Bring a parcel's progress forward."""
    told = progress_of_update(fact)
    parcels = list(known)
    for place, parcel in enumerate(known):
        if parcel.invoice_number == fact.invoice_number:
            parcels[place] = moved = copied(parcel)
            moved.progress = later_progress(parcel.progress, told)
    return tuple(parcels)


def without_refused_invoice(known: TrackedParcels, *, version: int) -> TrackedParcels:
    """Unpack the invoice of *version*, which VTEX refused."""
    parcels = []
    for parcel in known:
        if parcel.issued_version != version:
            parcels.append(parcel)
        elif parcel.type == OUTPUT:
            unpacked = copied(parcel)
            unpacked.invoice_number = unpacked.type = unpacked.courier = None
            unpacked.tracking_number = unpacked.tracking_url = None
            unpacked.issued_version = None
            parcels.append(unpacked)
    return tuple(parcels)


def _told(parcel: Parcel, known: TrackedParcels, *, at: datetime) -> TrackedParcel:
    package = parcel.package or _NO_PACKAGE
    told = TrackedParcel(
        invoice_number=package.invoice_number,
        type=package.type,
        items=parcel.items,
        seller=parcel.seller,
        selected_sla=parcel.selected_sla,
        channel=parcel.channel,
        courier=package.courier,
        tracking_number=package.tracking_number,
        tracking_url=package.tracking_url,
        progress=progress_of(package.courier_status),
        estimate=parcel.estimate,
    )
    before = _before(told, known)
    if before is not None:
        _go_on(told, before, at=at)
    return told


def _go_on(told: TrackedParcel, before: TrackedParcel, *, at: datetime) -> None:
    """Let *told* keep what VTEX does not tell, or not yet, of what it was."""
    told.courier = told.courier or before.courier
    told.tracking_number = told.tracking_number or before.tracking_number
    told.tracking_url = told.tracking_url or before.tracking_url
    told.progress = later_progress(before.progress, told.progress)
    told.revisions = before.revisions
    if told.estimate != before.estimate:
        revision = EstimateRevision(estimate=before.estimate, until=at)
        told.revisions = (*before.revisions, revision)


def _before(told: TrackedParcel, known: TrackedParcels) -> TrackedParcel | None:
    """Find what *told* was: the same invoice, else what was to be invoiced."""
    if told.invoice_number is not None:
        for parcel in known:
            if parcel.invoice_number == told.invoice_number:
                return parcel
    return _source(told, known)


def _source(packed: TrackedParcel, known: TrackedParcels) -> TrackedParcel | None:
    """Find the uninvoiced parcel that holds the first item of *packed*."""
    if not packed.items or packed.type not in {None, OUTPUT}:
        return None
    for parcel in known:
        if parcel.is_uninvoiced and _found(packed.items[0], parcel):
            return parcel
    return None


def _found(sought: Line, parcel: TrackedParcel) -> Line | None:
    index, sku = sought.item_index, sought.id
    for item in parcel.items:
        if index is None or item.item_index is None:
            if sku is not None and item.id == sku:
                return item
        elif item.item_index == index:
            return item
    return None


def _described(line: Line, source: TrackedParcel) -> Line:
    item = _found(line, source)
    if item is None:
        return line
    return Line(
        item_index=item.item_index, id=line.id, name=item.name, quantity=line.quantity
    )


def _without(known: TrackedParcels, packed: TrackedParcel) -> TrackedParcels:
    """Take what *packed* sells out of the parcels that are not invoiced."""
    if packed.type != OUTPUT:
        return known
    to_take: defaultdict[str | None, int] = defaultdict(int)
    for item in packed.items:
        to_take[item.id] += item.quantity
    left = []
    for parcel in known:
        if not parcel.is_uninvoiced:
            left.append(parcel)
        elif items := _less(parcel.items, to_take):
            rest = copied(parcel)
            rest.items = items
            left.append(rest)
    return tuple(left)


def _less(
    items: Iterable[Line], to_take: defaultdict[str | None, int]
) -> tuple[Line, ...]:
    """Return what is left of *items*; what is taken comes off *to_take*."""
    left = []
    for item in items:
        taken = min(item.quantity, to_take[item.id])
        to_take[item.id] -= taken
        if item.quantity > taken:
            left.append(replace(item, quantity=item.quantity - taken))
    return tuple(left)
