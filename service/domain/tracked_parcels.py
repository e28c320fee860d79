"""The parcels of the read model: VTEX's document, and our own facts before it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from service.domain.courier import (
    CourierProgress,
    later_progress,
    progress_of,
    progress_of_update,
)
from service.domain.document import OrderDocument, Package
from service.domain.facts import (
    CourierUpdateReceived,
    InvoiceIssued,
    TrackingNumberAssigned,
)
from service.domain.parcels import OUTPUT, Line, Parcel
from service.domain.stage import Way

_NO_PACKAGE: Final = Package()


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


@dataclass(frozen=True, kw_only=True)
class TrackedParcel:
    """A parcel with what is known of its way; without slots, as `Tracking` is."""

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

    def changed(self, **values: object) -> Self:
        """Return a copy with other *values*, or this one where they are the same."""
        known = vars(self)
        if values.items() <= known.items():
            return self
        copy = object.__new__(type(self))
        object.__setattr__(copy, "__dict__", known | values)
        return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """What a document tells of parcels; it follows from its items, logistics, packages."""

    way: Way
    parcels: tuple[TrackedParcel, ...]
    invoices: frozenset[str | None]

    @classmethod
    def of(cls, document: OrderDocument) -> Self:
        """Read *document*, once for all questions."""
        way = Way.of(document)
        return cls(
            way=way,
            parcels=tuple([_tracked(parcel, document) for parcel in way.parcels]),
            invoices=frozenset([p.invoice_number for p in document.packages]),
        )


def with_shipping(
    known: tuple[TrackedParcel, ...], shipping: Shipping, *, at: datetime
) -> tuple[TrackedParcel, ...]:
    """Return the document's parcels with what we knew of them before.

    Invoices of ours that VTEX does not show yet stay.
    """
    told = tuple([_merged(parcel, known, at=at) for parcel in shipping.parcels])
    for parcel in known:
        ours = parcel.issued_version is not None
        if ours and parcel.invoice_number not in shipping.invoices:
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
        packed = packed.changed(
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
        parcel.changed(
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
        parcel.changed(progress=later_progress(parcel.progress, told))
        if parcel.invoice_number == fact.invoice_number
        else parcel
        for parcel in known
    )


def without_refused_invoice(
    known: Sequence[TrackedParcel], *, version: int
) -> tuple[TrackedParcel, ...]:
    """Unpack the invoice of *version*, which VTEX refused."""
    return tuple(
        parcel.changed(
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
    package = parcel.package or _NO_PACKAGE
    return TrackedParcel(
        invoice_number=package.invoice_number,
        type=package.type,
        items=tuple([_line(item, document) for item in parcel.items]),
        seller=parcel.seller,
        selected_sla=parcel.selected_sla,
        channel=parcel.channel,
        courier=package.courier,
        tracking_number=package.tracking_number,
        tracking_url=package.tracking_url,
        progress=progress_of(package.courier_status),
        estimate=parcel.estimate,
    )


def _line(packed: Line, document: OrderDocument) -> TrackedItem:
    index = packed.item_index
    item = document.items[index]
    return TrackedItem(
        item_index=index, id=item.id, name=item.name, quantity=packed.quantity
    )


def _merged(
    told: TrackedParcel, known: Sequence[TrackedParcel], *, at: datetime
) -> TrackedParcel:
    before = _before(told, known)
    if before is None or before is told:
        return told
    revisions = before.revisions
    if told.estimate != before.estimate:
        revisions = (*revisions, EstimateRevision(estimate=before.estimate, until=at))
    return told.changed(
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
    for parcel in known:
        if parcel.is_uninvoiced and any(_is_same(i, first) for i in parcel.items):
            return parcel
    return None


def _is_same(item: TrackedItem, other: TrackedItem) -> bool:
    if item.item_index is not None and other.item_index is not None:
        return item.item_index == other.item_index
    return item.id is not None and item.id == other.id


def _described(line: TrackedItem, source: TrackedParcel) -> TrackedItem:
    for item in source.items:
        if _is_same(item, line):
            return replace(item, id=line.id, quantity=line.quantity)
    return line


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
    return parcel.changed(items=tuple(items)) if items else None
