"""The items of an order: what each is, and how and to where it travels."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Channel = Literal["delivery", "pickup-in-point"]


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
    unique_id: str = ""
    """Names the line once a change may have moved it."""
    packable: bool = True
    """Whether an invoice finds it."""
