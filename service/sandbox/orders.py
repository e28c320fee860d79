"""An order as the OMS holds it: what was bought, where it stands, what was attached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from service.sandbox.change_records import ChangeRequest, RegisteredChange
from service.sandbox.items import Channel, Item, Place
from service.sandbox.packages import Package

Canceller = Literal["shopper", "merchant", "payment", "system"]
Flow = Literal["complete", "marketplace", "seller", "chain"]
Origin = Literal["Marketplace", "Fulfillment", "Chain"]

NO_STATUS: Final = ""
"""Stands for VTEX's null: the order has no workflow."""

_ORIGINS: Final[Mapping[Flow, Origin]] = MappingProxyType(
    {
        "complete": "Marketplace",
        "marketplace": "Marketplace",
        "seller": "Fulfillment",
        "chain": "Chain",
    }
)


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
class Cancellation:
    """Why an order was cancelled, by whom and when."""

    reason: str
    by: Canceller
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """Somebody asked to cancel, and the seller has a say in it."""

    request_id: str
    reason: str
    by: Canceller
    at: datetime
    asked_in: str
    """The status to which a refusal leads back."""
    denied_at: datetime | None = None
    deny_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A line that somebody added to the log of an order."""

    source: str
    message: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who placed an order on the telephone, for the shopper."""

    operator_id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A value that the shopper's company wants on the order."""

    name: str
    value: str
    ref_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomData:
    """What the store asked for besides: fields of each app, fields of the order."""

    apps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: tuple[CustomField, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What will happen to an order besides what its merchant does."""

    asks_sellers: bool = False
    """Whether it waits for its sellers before the payment."""
    cancelled_in: str | None = None
    """The status in which it is cancelled."""
    cancelled_by: Canceller = "shopper"
    pays_otherwise: bool = False
    """Whether its first payment is denied, and the shopper tries another."""
    replaced_in: str | None = None
    """The status in which the shopper replaces it by another order."""
    fails: bool = False
    """Whether its creation goes wrong."""
    has_wms: bool = False
    """Whether a warehouse system takes it before it can be handled."""
    is_picked: bool = False
    """Whether its shop picks and packs it before it can be invoiced."""
    diverges: bool = False
    """Whether somebody has to authorise its prices by hand."""
    cancel_window: float | None = None
    """Seconds in its window to cancel, at any speed; None: as the flow has it."""
    is_paid_upstream: bool = False
    """Whether the marketplace above it pays without being told."""
    stalls_in: str | None = None
    """The status in which nobody lets it go on, until the platform cancels it."""


@dataclass(slots=True, kw_only=True)
class Order:
    """One order; `Oms` alone changes it."""

    account: str
    order_id: str
    group: str
    """The purchase that it is all of, or a part of."""
    sequence: str
    shopper: Shopper
    items: tuple[Item, ...]
    discount: int
    fate: Fate
    created_at: datetime
    status: str
    """`NO_STATUS` while it is incomplete."""
    entered_at: datetime
    """When it came into *status*."""
    changed_at: datetime
    """When anything in it last changed."""
    flow: Flow = "complete"
    twin: str | None = None
    """The same sale on the other side: the seller's order, or the marketplace's."""
    has_external_seller: bool = False
    """Whether its seller has no account, and calls back to the marketplace's order."""
    is_multilevel: bool = False
    """Whether its seller's stock is itself somebody else's."""
    marketplace_order_id: str | None = None
    """What a marketplace outside calls it."""
    moves: int = 0
    """How many times it has changed its status."""
    alarms: dict[str, datetime] = field(default_factory=dict)
    """What happens to it by itself, and when."""
    in_error: bool = False
    """Whether its workflow broke down."""
    flaws: set[str] = field(default_factory=set)
    """Known issues that its document shows."""
    authorized_at: datetime | None = None
    invoiced_at: datetime | None = None
    fulfilling: bool = False
    """Whether its seller has taken over from the marketplace."""
    cancellation: Cancellation | None = None
    requests: list[CancellationRequest] = field(default_factory=list)
    """Cancellations that were asked for, oldest first."""
    replaces: str | None = None
    replaced_by: str | None = None
    packages: list[Package] = field(default_factory=list)
    adjustment: int = 0
    """Cents that changes put on top of the price of what is in it."""
    original_items: tuple[Item, ...] = ()
    """What was bought, once a change made it something else."""
    registered_changes: list[RegisteredChange] = field(default_factory=list)
    change_requests: list[ChangeRequest] = field(default_factory=list)

    interactions: tuple[Interaction, ...] = ()
    custom: CustomData = field(default_factory=CustomData)
    operator: Operator | None = None
    is_in_store: bool = False
    utm_source: str | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether its payment never began, so that it has no workflow."""
        return self.status == NO_STATUS

    @property
    def origin(self) -> Origin:
        return _ORIGINS[self.flow]

    @property
    def client_email(self) -> str:
        return self.shopper.email

    @property
    def items_value(self) -> int:
        return sum(item.price * item.quantity for item in self.items)

    @property
    def shipping_value(self) -> int:
        return sum(item.logistics.price for item in self.items)

    @property
    def value(self) -> int:
        goods = self.items_value + self.shipping_value
        return goods - self.discount + self.adjustment

    @property
    def sellers(self) -> list[str]:
        return sorted({item.seller for item in self.items})

    @property
    def channels(self) -> list[Channel]:
        return sorted({item.logistics.channel for item in self.items})

    @property
    def sold_packages(self) -> list[Package]:
        """All but the returns."""
        return [package for package in self.packages if package.type == "Output"]

    @property
    def invoiced_value(self) -> int:
        """Sum of what was sold; returns do not count."""
        return sum(package.invoice_value for package in self.sold_packages)

    @property
    def returned_value(self) -> int:
        return sum(p.invoice_value for p in self.packages if p.type == "Input")

    def unique_id(self, index: int) -> str:
        """Name the line at *index*, wherever changes move it."""
        return self.items[index].unique_id or f"{self.sequence}-{index}"

    def package(self, invoice_number: str) -> Package | None:
        for package in self.packages:
            if package.invoice_number == invoice_number:
                return package
        return None
