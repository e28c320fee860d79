"""What a merchant does for one order, in which order and with which pauses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from random import Random
from typing import Final, NamedTuple, Protocol

from typing_extensions import override

from service.sandbox.desk import (
    CourierUpdate,
    Desk,
    Invoice,
    InvoiceLine,
    OrderRef,
    Shipment,
    Sighting,
)
from service.sandbox.items import Item, Place
from service.sandbox.orders import Order

_SHIPPED_AT_ONCE: Final = 0.2
_SPLIT: Final = 0.4
_ON_THE_WAY: Final = (
    "Em trânsito para a unidade de distribuição",
    "Encaminhado para a filial de destino",
    "In transit to the next facility",
    "Departed from the sorting centre",
)
_LAST_MILE: Final = (
    "Saiu para entrega ao destinatário",
    "Out for delivery",
    "Tentativa de entrega não efetuada",
)
_AT_THE_SHOP: Final = ("Disponível para retirada", "Available for pickup")
_DELIVERED: Final = ("Objeto entregue ao destinatário", "Delivered")
_PICKED_UP: Final = ("Retirado pelo cliente", "Picked up by the customer")


class Deed(Protocol):
    """One thing to do at a desk."""

    async def do(self, desk: Desk, order: OrderRef, *, at: datetime) -> None: ...


class Errand(NamedTuple):
    """A deed, and the seconds to wait before it at speed 1."""

    after: float
    deed: Deed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carriage:
    """How one package is shipped."""

    tracking_number: str
    courier: str

    def shipment(self, at: datetime) -> Shipment:
        return Shipment(
            tracking_number=self.tracking_number,
            tracking_url=f"https://tracking.example.com/{self.tracking_number}",
            courier=self.courier,
            dispatched_at=at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill(Deed):
    """Issue an invoice, with its tracking number if *carriage* is given."""

    number: str
    value: int
    lines: tuple[InvoiceLine, ...]
    carriage: _Carriage | None = None

    @override
    async def do(self, desk: Desk, order: OrderRef, *, at: datetime) -> None:
        invoice = Invoice(
            number=self.number,
            value=self.value,
            issued_at=at,
            lines=self.lines,
            shipment=self.carriage.shipment(at) if self.carriage else None,
        )
        await desk.issue_invoice(order, invoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch(Deed):
    """Tell the tracking number of a package."""

    invoice_number: str
    carriage: _Carriage

    @override
    async def do(self, desk: Desk, order: OrderRef, *, at: datetime) -> None:
        shipment = self.carriage.shipment(at)
        await desk.assign_tracking_number(order, self.invoice_number, shipment)


@dataclass(slots=True, kw_only=True)
class _Track:
    """The way of one package so far, shared by the reports on it."""

    invoice_number: str
    sightings: list[Sighting] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Deed):
    """Tell where a package is, and where it was before."""

    track: _Track
    place: Place
    description: str
    is_last: bool

    @override
    async def do(self, desk: Desk, order: OrderRef, *, at: datetime) -> None:
        self.track.sightings.append(
            Sighting(
                city=self.place.city,
                state=self.place.state,
                description=self.description,
                at=at,
            )
        )
        update = CourierUpdate(
            invoice_number=self.track.invoice_number,
            sightings=tuple(self.track.sightings),
            delivered_at=at if self.is_last else None,
        )
        await desk.report_courier_update(order, update)


class _Part(NamedTuple):
    """What one invoice covers."""

    number: str
    value: int
    items: Sequence[Item]

    def bill(self, carriage: _Carriage | None) -> Bill:
        lines = tuple(
            InvoiceLine(sku=item.sku, price=item.price, quantity=item.quantity)
            for item in self.items
        )
        return Bill(
            number=self.number, value=self.value, lines=lines, carriage=carriage
        )


def plan_errands(order: Order, *, rng: Random) -> list[Errand]:
    """Decide what to do for *order*: invoices, tracking numbers, the way of each package.

    The first errand's pause is not waited for: the merchant has waited already.
    """
    bills, dispatches, ways = [], [], []
    for part in _parts(order, rng=rng):
        carriage = _Carriage(
            tracking_number=f"SB{part.number.removeprefix('NF')}BR",
            courier=part.items[0].logistics.courier,
        )
        at_once = rng.random() < _SHIPPED_AT_ONCE
        bills.append(part.bill(carriage if at_once else None))
        if not at_once:
            dispatches.append(Dispatch(invoice_number=part.number, carriage=carriage))
        seen = _seen(order, part.number)
        ways.append(_way(part, seen=seen, home=order.shopper.home, rng=rng))
    reports = [report for step in zip_longest(*ways) for report in step if report]
    return [
        *(Errand(rng.uniform(2, 4), bill) for bill in bills),
        *(Errand(rng.uniform(3, 6) / len(bills), dispatch) for dispatch in dispatches),
        *(Errand(rng.uniform(7, 11) / len(bills), report) for report in reports),
    ]


def _parts(order: Order, *, rng: Random) -> Sequence[_Part]:
    # Named after the order, so that the same invoice can be handed in again.
    number = f"NF{order.order_id.removeprefix('00-').removesuffix('-01')}"
    groups = _groups(order, rng=rng)
    if len(groups) == 1:
        return [_Part(number=number, value=order.value, items=order.items)]
    first, rest = groups
    value = sum(item.price * item.quantity for item in first)
    return [
        _Part(number=f"{number}-1", value=value, items=first),
        # The last one takes shipping and discount too.
        _Part(number=f"{number}-2", value=order.value - value, items=rest),
    ]


def _groups(order: Order, *, rng: Random) -> Sequence[tuple[Item, ...]]:
    items = order.items
    delivered = tuple(i for i in items if i.logistics.channel == "delivery")
    collected = tuple(i for i in items if i.logistics.channel == "pickup-in-point")
    if delivered and collected:
        return [delivered, collected]
    if len(items) == 1 or rng.random() > _SPLIT:
        return [items]
    return [items[:1], items[1:]]


def _seen(order: Order, invoice_number: str) -> list[Sighting]:
    package = order.package(invoice_number)
    status = package.courier_status if package else None
    return [
        Sighting(
            city=checkpoint.city,
            state=checkpoint.state,
            description=checkpoint.description,
            at=checkpoint.at,
        )
        for checkpoint in (status.checkpoints if status else ())
    ]


def _way(
    part: _Part, *, seen: list[Sighting], home: Place, rng: Random
) -> list[Report]:
    point = part.items[0].logistics.pickup_point
    last_mile, ends = (_AT_THE_SHOP, _PICKED_UP) if point else (_LAST_MILE, _DELIVERED)
    words = [
        *rng.sample(_ON_THE_WAY, rng.choice((0, 1, 1, 2))),
        rng.choice(last_mile),
        rng.choice(ends),
    ]
    track = _Track(invoice_number=part.number, sightings=seen)
    return [
        Report(
            track=track,
            place=point.place if point else home,
            description=text,
            is_last=text == words[-1],
        )
        for text in words
    ]
