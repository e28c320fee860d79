"""The parcels of the read model: VTEX's document, and our own facts before it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from service.domain.courier import (
    CourierProgress,
    later_progress,
    progress_of,
    progress_of_update,
)
from service.domain.document import OrderDocument
from service.domain.facts import (
    CourierUpdateReceived,
    InvoiceIssued,
    TrackingNumberAssigned,
)
from service.domain.parcels import OUTPUT, Parcel, parcels


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedItem:
    """How many of one item of the order a parcel holds."""

    item_index: int | None = None
    """Place in the order; null where only the SKU is known."""
    id: str | None = None
    """SKU."""
    name: str | None = None
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRevision:
    """An estimate that was given up for another."""

    estimate: datetime | None
    until: datetime
    """When we learned the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedParcel:
    """A parcel with what is known of its way."""

    invoice_number: str | None = None
    """Null while the parcel is not invoiced."""
    type: str | None = None
    """Output (a sale) or Input (a return)."""
    items: tuple[TrackedItem, ...] = ()
    seller: str | None = None
    selected_sla: str | None = None
    channel: str | None = None
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    progress: CourierProgress = field(default_factory=CourierProgress)
    estimate: datetime | None = None
    revisions: tuple[EstimateRevision, ...] = ()
    """Earlier estimates, oldest first."""
    issued_version: int | None = None
    """Version of our InvoiceIssued, until VTEX shows the invoice."""

    @property
    def is_uninvoiced(self) -> bool:
        """Whether the parcel has no package yet."""
        return self.invoice_number is None and self.type is None


def with_document(
    known: Sequence[TrackedParcel], document: OrderDocument, *, at: datetime
) -> tuple[TrackedParcel, ...]:
    """Return the document's parcels with what we knew of them before.

    Invoices of ours that VTEX does not show yet stay.
    """
    told = tuple(
        _merged(_tracked(parcel, document), known, at=at)
        for parcel in parcels(document)
    )
    shown = {package.invoice_number for package in document.packages}
    for parcel in known:
        if parcel.issued_version is not None and parcel.invoice_number not in shown:
            told = (*_without(told, parcel), parcel)
    return told


def with_invoice(
    known: Sequence[TrackedParcel], fact: InvoiceIssued, *, version: int
) -> tuple[TrackedParcel, ...]:
    """Pack what the invoice covers into a parcel of its own."""
    if any(parcel.invoice_number == fact.invoice_number for parcel in known):
        return tuple(known)
    lines = tuple(
        TrackedItem(id=item.id, quantity=item.quantity) for item in fact.items
    )
    packed = TrackedParcel(
        invoice_number=fact.invoice_number,
        type=fact.invoice_type,
        items=lines,
        courier=fact.courier,
        tracking_number=fact.tracking_number,
        tracking_url=fact.tracking_url,
        issued_version=version,
    )
    source = _source(packed, known)
    if source is not None:
        packed = replace(
            packed,
            items=tuple(_described(line, source) for line in lines),
            seller=source.seller,
            selected_sla=source.selected_sla,
            channel=source.channel,
            estimate=source.estimate,
            revisions=source.revisions,
        )
    return (*_without(known, packed), packed)


def with_tracking_number(
    known: Sequence[TrackedParcel], fact: TrackingNumberAssigned
) -> tuple[TrackedParcel, ...]:
    """Put the tracking number on its parcel."""
    return tuple(
        replace(
            parcel,
            tracking_number=fact.tracking_number,
            tracking_url=fact.tracking_url or parcel.tracking_url,
            courier=fact.courier or parcel.courier,
        )
        if parcel.invoice_number == fact.invoice_number
        else parcel
        for parcel in known
    )


def with_courier_update(
    known: Sequence[TrackedParcel], fact: CourierUpdateReceived
) -> tuple[TrackedParcel, ...]:
    """Bring a parcel's progress forward."""
    told = progress_of_update(fact)
    return tuple(
        replace(parcel, progress=later_progress(parcel.progress, told))
        if parcel.invoice_number == fact.invoice_number
        else parcel
        for parcel in known
    )


def without_refused_invoice(
    known: Sequence[TrackedParcel], *, version: int
) -> tuple[TrackedParcel, ...]:
    """Unpack the invoice of *version*, which VTEX refused."""
    return tuple(
        replace(
            parcel,
            invoice_number=None,
            type=None,
            courier=None,
            tracking_number=None,
            tracking_url=None,
            issued_version=None,
        )
        if parcel.issued_version == version
        else parcel
        for parcel in known
        if parcel.issued_version != version or parcel.type == OUTPUT
    )


def _tracked(parcel: Parcel, document: OrderDocument) -> TrackedParcel:
    items = tuple(
        TrackedItem(
            item_index=item.item_index,
            id=document.items[item.item_index].id,
            name=document.items[item.item_index].name,
            quantity=item.quantity,
        )
        for item in parcel.items
    )
    tracked = TrackedParcel(
        items=items,
        seller=parcel.seller,
        selected_sla=parcel.selected_sla,
        channel=parcel.channel,
        estimate=parcel.estimate,
    )
    package = parcel.package
    if package is None:
        return tracked
    return replace(
        tracked,
        invoice_number=package.invoice_number,
        type=package.type,
        courier=package.courier,
        tracking_number=package.tracking_number,
        tracking_url=package.tracking_url,
        progress=progress_of(package.courier_status),
    )


def _merged(
    told: TrackedParcel, known: Sequence[TrackedParcel], *, at: datetime
) -> TrackedParcel:
    before = _before(told, known)
    if before is None:
        return told
    revisions = before.revisions
    if told.estimate != before.estimate:
        revisions = (*revisions, EstimateRevision(estimate=before.estimate, until=at))
    return replace(
        told,
        courier=told.courier or before.courier,
        tracking_number=told.tracking_number or before.tracking_number,
        tracking_url=told.tracking_url or before.tracking_url,
        progress=later_progress(before.progress, told.progress),
        revisions=revisions,
    )


def _before(
    told: TrackedParcel, known: Sequence[TrackedParcel]
) -> TrackedParcel | None:
    """Find what *told* was: the same invoice, else what was to be invoiced."""
    if told.invoice_number is not None:
        for parcel in known:
            if parcel.invoice_number == told.invoice_number:
                return parcel
    return _source(told, known)


def _source(
    packed: TrackedParcel, known: Iterable[TrackedParcel]
) -> TrackedParcel | None:
    """Find the uninvoiced parcel that holds the first item of *packed*."""
    if not packed.items or packed.type not in {None, OUTPUT}:
        return None
    first = packed.items[0]
    return next(
        (
            parcel
            for parcel in known
            if parcel.is_uninvoiced
            and any(_is_same(item, first) for item in parcel.items)
        ),
        None,
    )


def _is_same(item: TrackedItem, other: TrackedItem) -> bool:
    if item.item_index is not None and other.item_index is not None:
        return item.item_index == other.item_index
    return item.id is not None and item.id == other.id


def _described(line: TrackedItem, source: TrackedParcel) -> TrackedItem:
    known = next((item for item in source.items if _is_same(item, line)), line)
    return replace(line, item_index=known.item_index, name=known.name)


def _without(
    known: Iterable[TrackedParcel], packed: TrackedParcel
) -> tuple[TrackedParcel, ...]:
    """Take what *packed* sells out of the parcels that are not invoiced."""
    if packed.type != OUTPUT:
        return tuple(known)
    to_take: Counter[str | None] = Counter()
    for item in packed.items:
        to_take[item.id] += item.quantity
    left = (_less(parcel, to_take) for parcel in known)
    return tuple(parcel for parcel in left if parcel is not None)


def _less(parcel: TrackedParcel, to_take: Counter[str | None]) -> TrackedParcel | None:
    """Take items out of *parcel*, and off *to_take*; None when nothing is left."""
    if not parcel.is_uninvoiced:
        return parcel
    items = []
    for item in parcel.items:
        taken = min(item.quantity, to_take[item.id])
        to_take[item.id] -= taken
        if item.quantity > taken:
            items.append(replace(item, quantity=item.quantity - taken))
    return replace(parcel, items=tuple(items)) if items else None
