"""How an order splits into parcels: what is packed, and what is still to be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from service.domain.document import Item, Logistics, OrderDocument, Package

PICKUP: Final = "pickup-in-point"
OUTPUT: Final = "Output"
INPUT: Final = "Input"

_UNTOLD: Final = Logistics(item_index=0)
"""For an item of which VTEX does not tell how it travels."""

_place: Final = attrgetter("item_index")

_Contents = Sequence[tuple[int, int]]
"""Places of items in the order, and how many of each."""


@dataclass(slots=True, kw_only=True)
class Line:
    """How many of one item of the order a parcel holds.

    It is not frozen, for then it takes three times as long to make, but nobody changes it.
    """

    item_index: int | None = None
    """Place in the order; null where only the SKU is known."""
    id: str | None = None
    """SKU."""
    name: str | None = None
    quantity: int


class Parcel(NamedTuple):
    """Items that travel together; without a package they are still to be invoiced."""

    items: tuple[Line, ...]
    package: Package | None
    seller: str | None
    selected_sla: str | None
    channel: str | None
    estimate: datetime | None


def parcels(document: OrderDocument) -> tuple[Parcel, ...]:
    """Split the order: a parcel for each package, then what is not covered yet.

    A package that holds none of the order's items is a parcel without items.
    """
    items = document.items
    told = {row.item_index: row for row in reversed(document.logistics)}
    rows = [told.get(index, _UNTOLD) for index in range(len(items))]
    packed = [
        _parcel(_packed(package, len(items)), items, rows, package=package)
        for package in document.packages
    ]
    to_pack = [_parcel(group, items, rows) for group in _to_pack(document, rows)]
    return (*packed, *to_pack)


def _packed(package: Package, count: int) -> _Contents:
    """Return the package's items in the order's order, foreign ones left out."""
    return [
        (packed.item_index, packed.quantity)
        for packed in sorted(package.items, key=_place)
        if 0 <= packed.item_index < count
    ]


def _to_pack(document: OrderDocument, rows: Sequence[Logistics]) -> Iterable[_Contents]:
    """Return what no package covers, together what travels together."""
    covered: dict[int, int] = {}
    for package in document.packages:
        if package.type == OUTPUT:
            for packed in package.items:
                index = packed.item_index
                covered[index] = covered.get(index, 0) + packed.quantity
    groups: dict[tuple[str | None, ...], list[tuple[int, int]]] = {}
    for index, item in enumerate(document.items):
        left = item.quantity - covered.get(index, 0)
        # An item whose quantity VTEX does not tell is covered by any package.
        if left > 0 or index not in covered:
            row = rows[index]
            key = (
                item.seller,
                row.selected_sla,
                row.delivery_channel,
                row.shipping_estimate,
            )
            groups.setdefault(key, []).append((index, left))
    return groups.values()


def _parcel(
    contents: _Contents,
    items: Sequence[Item],
    rows: Sequence[Logistics],
    *,
    package: Package | None = None,
) -> Parcel:
    first = contents[0][0] if contents else None
    row = _UNTOLD if first is None else rows[first]
    return Parcel(
        items=tuple(
            [
                Line(
                    item_index=index,
                    id=items[index].id,
                    name=items[index].name,
                    quantity=quantity,
                )
                for index, quantity in contents
            ]
        ),
        package=package,
        seller=None if first is None else items[first].seller,
        selected_sla=row.selected_sla,
        channel=row.delivery_channel,
        estimate=_estimate([rows[index] for index, _ in contents]),
    )


def _estimate(rows: Sequence[Logistics]) -> datetime | None:
    """Return the first item's date, or the latest where the first has one."""
    if not rows or rows[0].shipping_estimate_date is None:
        return None
    dates = [row.shipping_estimate_date for row in rows]
    return max([date for date in dates if date is not None])
