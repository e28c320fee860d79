"""Where the lines come from that a change puts into an order, and how they travel."""

from collections.abc import Iterator
from dataclasses import replace

from service.sandbox.change_bodies import LogisticsChoice, PutItems, PutLine
from service.sandbox.change_records import ChosenShipping
from service.sandbox.change_refusals import ChangeRefusedError
from service.sandbox.invention import find_product
from service.sandbox.items import Item, Logistics
from service.sandbox.orders import Order

_UNIT = "un"


def from_catalogue(sku: str, *, beside: Item) -> Item | None:
    """Return one unit of *sku*, sold and sent like the line *beside* it."""
    product = find_product(sku)
    if product is None:
        return None
    return replace(
        beside,
        sku=product.sku,
        product_id=product.product_id,
        name=product.name,
        quantity=1,
        list_price=product.list_price,
        price=product.price,
        unique_id="",
        packable=True,
    )


def supplied(
    order: Order, wanted: PutItems, *, beside: Item | None = None
) -> Iterator[tuple[Item, ChosenShipping | None]]:
    """Return the lines that come into *order*, in place of *beside* if of any.

    Raises:
        ChangeRefusedError: There is no such item, or no telling how it would travel.
    """
    for index, line in enumerate(wanted.items):
        _require_units(line)
        like = next((item for item in order.items if item.sku == line.id), None)
        choice = wanted.choice(index)
        logistics, shipping = None, None
        if choice is not None:
            logistics, shipping = _chosen(order, choice)
        elif like is None and beside is None:
            logistics = _only_way(order)
        item = like or from_catalogue(line.id, beside=beside or order.items[0])
        if item is None:
            raise ChangeRefusedError(
                f"The catalogue has no item {line.id}", code="CHK0022"
            )
        price = item.price if line.price is None else line.price
        item = replace(item, quantity=line.quantity, price=price)
        yield replace(item, logistics=logistics or item.logistics), shipping


def _require_units(line: PutLine) -> None:
    if line.measurement_unit not in {None, _UNIT} or line.unit_multiplier not in {
        None,
        1,
    }:
        raise ChangeRefusedError(
            f"Item {line.id} is sold one by one", code="SalesOrderSystem055"
        )


def _only_way(order: Order) -> Logistics:
    ways = {_address(order, item.logistics): item.logistics for item in order.items}
    if len(ways) > 1:
        raise ChangeRefusedError(
            "The order goes to several places; only items that are in it can be added",
            code="SalesOrderSystem012",
        )
    return order.items[0].logistics


def _chosen(order: Order, choice: LogisticsChoice) -> tuple[Logistics, ChosenShipping]:
    for item in order.items:
        way = item.logistics
        if (way.sla, way.channel, _address(order, way)) == (
            choice.selected_sla,
            choice.selected_delivery_channel,
            choice.address_id,
        ):
            shipping = ChosenShipping(
                item_index=choice.item_index,
                sla=way.sla,
                channel=way.channel,
                address_id=choice.address_id,
                courier=way.courier,
                estimate=way.estimate,
                price=choice.price,
            )
            return replace(way, price=choice.price), shipping
    raise ChangeRefusedError(
        "Nothing in the order travels like this", code="SalesOrderSystem013"
    )


def _address(order: Order, way: Logistics) -> str:
    point = way.pickup_point
    return point.point_id if point else order.shopper.home.address_id
