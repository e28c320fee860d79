"""How an order splits into parcels: what is packed, and what is still to be."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from service.domain.document import Logistics, OrderDocument, Package

PICKUP: Final = "pickup-in-point"
OUTPUT: Final = "Output"
INPUT: Final = "Input"

_place: Final = attrgetter("item_index")


class Line(NamedTuple):
    """How many of one item of the order a parcel holds."""

    item_index: int
    quantity: int


class Parcel(NamedTuple):
    """Items that travel together; without a package they are still to be invoiced."""

    items: tuple[Line, ...]
    package: Package | None
    seller: str | None
    selected_sla: str | None
    channel: str | None
    shipping_estimate: str | None
    estimate: datetime | None


def parcels(document: OrderDocument) -> tuple[Parcel, ...]:
    """Split the order: a parcel for each package, then what is not covered yet.

    A package that holds none of the order's items is a parcel without items.
    """
    logistics = {row.item_index: row for row in reversed(document.logistics)}
    packed = [
        _parcel(_own_items(package, document), document, logistics, package=package)
        for package in document.packages
    ]
    to_pack = [
        _parcel(tuple(lines), document, logistics)
        for lines in _groups(_uncovered(document), document, logistics)
    ]
    return (*packed, *to_pack)


def _own_items(package: Package, document: OrderDocument) -> tuple[Line, ...]:
    """Return the package's items in the order's order, foreign ones left out."""
    count = len(document.items)
    own = [
        Line(item.item_index, item.quantity)
        for item in package.items
        if 0 <= item.item_index < count
    ]
    return tuple(sorted(own, key=_place))


def _uncovered(document: OrderDocument) -> Iterable[Line]:
    covered: dict[int, int] = {}
    for package in document.packages:
        if package.type == OUTPUT:
            for packed in package.items:
                index = packed.item_index
                covered[index] = covered.get(index, 0) + packed.quantity
    for index, item in enumerate(document.items):
        left = item.quantity - covered.get(index, 0)
        # An item whose quantity VTEX does not tell is covered by any package.
        if left > 0 or index not in covered:
            yield Line(index, left)


def _groups(
    items: Iterable[Line],
    document: OrderDocument,
    logistics: Mapping[int, Logistics],
) -> Iterable[Sequence[Line]]:
    groups: dict[tuple[str | None, ...], list[Line]] = {}
    for item in items:
        row = _row(item, logistics)
        key = (
            document.items[item.item_index].seller,
            row.selected_sla,
            row.delivery_channel,
            row.shipping_estimate,
        )
        groups.setdefault(key, []).append(item)
    return groups.values()


def _parcel(
    items: tuple[Line, ...],
    document: OrderDocument,
    logistics: Mapping[int, Logistics],
    *,
    package: Package | None = None,
) -> Parcel:
    rows = [_row(item, logistics) for item in items]
    first = rows[0] if rows else Logistics(item_index=0)
    return Parcel(
        items=items,
        package=package,
        seller=document.items[items[0].item_index].seller if items else None,
        selected_sla=first.selected_sla,
        channel=first.delivery_channel,
        shipping_estimate=first.shipping_estimate,
        estimate=_estimate(rows),
    )


def _estimate(rows: Iterable[Logistics]) -> datetime | None:
    """Return the first item's date, or the latest where the first has one."""
    dates = [row.shipping_estimate_date for row in rows]
    if not dates or dates[0] is None:
        return None
    return max([date for date in dates if date is not None])


def _row(item: Line, logistics: Mapping[int, Logistics]) -> Logistics:
    return logistics.get(item.item_index) or Logistics(item_index=item.item_index)
