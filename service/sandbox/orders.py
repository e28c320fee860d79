"""An order as the OMS holds it: what was bought, where it stands, what was attached."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Channel = Literal["delivery", "pickup-in-point"]
InvoiceType = Literal["Output", "Input"]
Canceller = Literal["shopper", "merchant", "payment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A postal address."""

    address_id: str
    street: str
    number: str
    neighborhood: str
    city: str
    state: str
    postal_code: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupPoint:
    """A shop that hands out parcels."""

    point_id: str
    name: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """An invented person; all of it is what VTEX treats as personal data."""

    first_name: str
    last_name: str
    email: str
    phone: str
    document: str
    home: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistics:
    """How one item travels."""

    channel: Channel
    sla: str
    courier: str
    estimate: str
    """VTEX's duration, such as 3bd (business days)."""
    estimate_at: datetime | None
    price: int
    """Cents."""
    pickup_point: PickupPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of an order; prices are cents a unit."""

    sku: str
    product_id: str
    name: str
    quantity: int
    list_price: int
    price: int
    seller: str
    logistics: Logistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a carrier saw a package."""

    city: str
    state: str
    description: str
    at: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierStatus:
    """What the last tracking call said about a package."""

    finished: bool
    delivered_at: datetime | None
    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageItem:
    """How many of one item a package holds; *price* is cents a unit."""

    item_index: int
    quantity: int
    price: int
    description: str | None = None


@dataclass(slots=True, kw_only=True)
class Package:
    """One invoice and the parcel that travels with it."""

    type: InvoiceType
    invoice_number: str
    invoice_value: int
    issued_at: datetime
    items: tuple[PackageItem, ...]
    invoice_key: str | None = None
    invoice_url: str | None = None
    embedded_invoice: str | None = None
    courier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    dispatched_at: datetime | None = None
    courier_status: CourierStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Why an order was cancelled, by whom and when."""

    reason: str
    by: Canceller
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What will happen to an order besides what its merchant does."""

    asks_sellers: bool = False
    """Whether it waits for its sellers before the payment."""
    cancelled_in: str | None = None
    """The status in which it is cancelled."""
    cancelled_by: Canceller = "shopper"


@dataclass(slots=True, kw_only=True)
class Order:
    """One order; `Oms` alone changes it."""

    account: str
    order_id: str
    sequence: str
    shopper: Shopper
    items: tuple[Item, ...]
    discount: int
    fate: Fate
    created_at: datetime
    status: str
    entered_at: datetime
    """When it came into *status*."""
    changed_at: datetime
    """When anything in it last changed."""
    moves: int = 0
    """How many times it has changed its status."""
    due_at: datetime | None = None
    """When it goes on by itself."""
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    fulfilling: bool = False
    """Whether its seller has taken over from the marketplace."""
    cancellation: Cancellation | None = None
    packages: list[Package] = field(default_factory=list)

    @property
    def group(self) -> str:
        return self.order_id.rpartition("-")[0]

    @property
    def items_value(self) -> int:
        return sum(item.price * item.quantity for item in self.items)

    @property
    def shipping_value(self) -> int:
        return sum(item.logistics.price for item in self.items)

    @property
    def value(self) -> int:
        return self.items_value + self.shipping_value - self.discount

    @property
    def invoiced_value(self) -> int:
        """Sum of what was sold; returns do not count."""
        return sum(p.invoice_value for p in self.packages if p.type == "Output")

    @property
    def returned_value(self) -> int:
        return sum(p.invoice_value for p in self.packages if p.type == "Input")

    def package(self, invoice_number: str) -> Package | None:
        for package in self.packages:
            if package.invoice_number == invoice_number:
                return package
        return None
