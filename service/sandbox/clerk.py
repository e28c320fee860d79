"""Does for an order what somebody at the page asks, and fills the details in."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from service.sandbox import calls
from service.sandbox.calls import Call
from service.sandbox.clock import moment
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.packages import Package
from service.sandbox.refusals import NotAllowedError

Deed = Literal[
    "advance",
    "start-handling",
    "invoice",
    "invoice-part",
    "tracking",
    "deliver",
    "cancel",
]
DEEDS: Final[tuple[Deed, ...]] = get_args(Deed)

NAME: Final = "page"
"""By whom the ledger says it was done."""

_COURIER: Final = "Correios PAC"


def do(oms: Oms, account: str, order_id: str, deed: Deed) -> Order:
    """Do *deed* for an order, through the same rules as a call of the Orders API.

    Raises:
        RefusedError: The order does not allow it now.
    """
    if deed == "advance":
        return oms.step(account, order_id)
    order = oms.order(account, order_id)
    call = _CALLS[deed](order, oms.clock.now())
    oms.carry_out(Caller(account=account, name=NAME), order_id, call)
    if deed == "deliver" and call.kind == "tracking-number":
        # It could not be told before; now it can.
        return do(oms, account, order_id, deed)
    return order


def _invoice(order: Order, at: datetime) -> Call:
    left = _left(order)
    return _bill(order, left, order.value - order.invoiced_value, at=at)


def _invoice_part(order: Order, at: datetime) -> Call:
    left = _left(order)
    if sum(left.values()) <= 1:
        return _invoice(order, at)
    first = next(index for index, quantity in left.items() if quantity)
    value = min(order.items[first].price, order.value - order.invoiced_value)
    return _bill(order, {first: 1}, value, at=at)


def _bill(
    order: Order, quantities: Mapping[int, int], value: int, *, at: datetime
) -> Call:
    lines = [
        {
            "id": order.items[index].sku,
            "price": order.items[index].price,
            "quantity": quantity,
        }
        for index, quantity in quantities.items()
        if quantity
    ]
    return calls.invoice(
        {
            "type": "Output",
            "issuanceDate": moment(at),
            "invoiceNumber": f"P{len(order.packages) + 1}",
            "invoiceValue": value,
            "items": lines,
        }
    )


def _left(order: Order) -> dict[int, int]:
    left = {index: item.quantity for index, item in enumerate(order.items)}
    for package in order.sold_packages:
        for packed in package.items:
            left[packed.item_index] -= packed.quantity
    return {index: max(0, quantity) for index, quantity in left.items()}


def _track(order: Order, at: datetime) -> Call:
    package = _next_package(order)
    if package.tracking_number is None:
        return _number(package, at)
    return _report(order, package, at=at, delivered=False)


def _deliver(order: Order, at: datetime) -> Call:
    package = _next_package(order)
    if package.tracking_number is None:
        return _number(package, at)
    return _report(order, package, at=at, delivered=True)


def _next_package(order: Order) -> Package:
    for package in order.sold_packages:
        if package.courier_status is None or not package.courier_status.finished:
            return package
    raise NotAllowedError("No package is on its way; invoice the order first")


def _number(package: Package, at: datetime) -> Call:
    return calls.assign_tracking_number(
        package.invoice_number,
        {
            "trackingNumber": f"SB{package.invoice_number}BR",
            "trackingUrl": None,
            "courier": package.courier or _COURIER,
            "dispatchedDate": moment(at),
        },
    )


def _report(order: Order, package: Package, *, at: datetime, delivered: bool) -> Call:
    home = order.shopper.home
    words = "Objeto entregue ao destinatário" if delivered else "Em trânsito"
    status = package.courier_status
    sightings = [
        {
            "city": seen.city,
            "state": seen.state,
            "description": seen.description,
            "date": moment(seen.at),
        }
        for seen in (status.checkpoints if status else ())
    ]
    here = {
        "city": home.city,
        "state": home.state,
        "description": words,
        "date": moment(at),
    }
    return calls.report_tracking(
        package.invoice_number,
        {
            "isDelivered": delivered,
            "deliveredDate": moment(at) if delivered else None,
            "events": [*sightings, here],
        },
    )


_CALLS: Final[Mapping[str, Callable[[Order, datetime], Call]]] = MappingProxyType(
    {
        "start-handling": lambda *_: calls.START_HANDLING,
        "invoice": _invoice,
        "invoice-part": _invoice_part,
        "tracking": _track,
        "deliver": _deliver,
        "cancel": lambda *_: calls.cancel({"reason": "by hand"}),
    }
)
