"""The packages of an order: each an invoice, and the parcel that travels with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

InvoiceType = Literal["Output", "Input"]


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
