"""Where the merchant hands in its papers: straight to the OMS, or to a service."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from typing_extensions import override

from service.sandbox import calls
from service.sandbox.clock import moment
from service.sandbox.oms import Caller, Oms


class OrderRef(NamedTuple):
    """An order, wherever it is known."""

    account: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One SKU on an invoice; *price* is cents a unit."""

    sku: str
    price: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A tracking number, and the carrier that gave it."""

    tracking_number: str
    tracking_url: str
    courier: str
    dispatched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice for all or part of an order; some come with their shipment."""

    number: str
    value: int
    issued_at: datetime
    lines: tuple[InvoiceLine, ...]
    shipment: Shipment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A carrier's word on where a package is."""

    city: str
    state: str
    description: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierUpdate:
    """The whole way of a package so far; *delivered_at* once it has arrived."""

    invoice_number: str
    sightings: tuple[Sighting, ...]
    delivered_at: datetime | None = None


class Desk(Protocol):
    """Takes the merchant's papers; handing in the same one twice does no harm.

    Each method raises `RejectedError` when the paper is not wanted, and
    `UnavailableError` when nobody took it for too long.
    """

    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None: ...

    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None: ...

    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None: ...


class OmsDesk(Desk):
    """Carries everything out in the sandbox's own OMS."""

    def __init__(self, oms: Oms, *, name: str = "merchant") -> None:
        self._oms = oms
        self._name = name

    @override
    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None:
        body = {
            "type": "Output",
            "invoiceNumber": invoice.number,
            "invoiceValue": invoice.value,
            "issuanceDate": moment(invoice.issued_at),
            "items": [
                {"id": line.sku, "price": line.price, "quantity": line.quantity}
                for line in invoice.lines
            ],
        }
        if invoice.shipment is not None:
            body |= _shipment_body(invoice.shipment)
        self._carry_out(order, calls.invoice(body))

    @override
    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None:
        body = _shipment_body(shipment)
        self._carry_out(order, calls.assign_tracking_number(invoice_number, body))

    @override
    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None:
        body = {
            "isDelivered": update.delivered_at is not None,
            "deliveredDate": moment(update.delivered_at),
            "events": [
                {
                    "city": sighting.city,
                    "state": sighting.state,
                    "description": sighting.description,
                    "date": moment(sighting.at),
                }
                for sighting in update.sightings
            ],
        }
        self._carry_out(order, calls.report_tracking(update.invoice_number, body))

    def _carry_out(self, order: OrderRef, call: calls.Call) -> None:
        caller = Caller(account=order.account, name=self._name)
        self._oms.carry_out(caller, order.order_id, call)


def _shipment_body(shipment: Shipment) -> dict[str, object]:
    return {
        "trackingNumber": shipment.tracking_number,
        "trackingUrl": shipment.tracking_url,
        "courier": shipment.courier,
        "dispatchedDate": moment(shipment.dispatched_at),
    }
