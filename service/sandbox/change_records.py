"""What an order remembers of its changes, of both versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

OperationKind = Literal["add", "remove", "replace"]
ChangeStatus = Literal[
    "waiting-acknowledgement", "waiting-confirmation", "done", "canceled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenShipping:
    """How a line that is put in travels, when the request says it."""

    item_index: int
    """Which of the lines that are put in together."""
    sla: str
    channel: str
    address_id: str
    courier: str
    estimate: str
    price: int
    """Cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLine:
    """Some units of one SKU that are taken out or put in; prices are cents a unit."""

    unique_id: str
    sku: str
    product_id: str
    name: str
    seller: str
    quantity: int
    list_price: int
    price: int
    shipping: ChosenShipping | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a change does: it adds, it removes, or both to replace."""

    kind: OperationKind
    removed: tuple[ChangedLine, ...] = ()
    added: tuple[ChangedLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEffect:
    """What a change does to an order, and to each part of its value; cents."""

    operations: tuple[Operation, ...]
    items: int
    shipping: int
    manual: int
    """What its author puts on top, or takes off, by hand."""

    @property
    def total(self) -> int:
        return self.items + self.shipping + self.manual


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredChange:
    """A change of the first version: done as soon as it is asked for."""

    request_id: str
    reason: str
    discount: int
    increment: int
    effect: ChangeEffect
    at: datetime
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLog:
    """What happened to a change, in which status."""

    at: datetime
    status: ChangeStatus
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCancellation:
    """Why a change was not carried out."""

    by_user: bool
    reason: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class ChangeRequest:
    """A change of the second version, which goes its own way from status to status."""

    request_id: str
    workflow_id: str
    at: datetime
    reason: str
    wanted: Mapping[str, object]
    """The request as it came."""
    settings: Mapping[str, object]
    """The account's settings with what the request put in their place."""
    discount: int
    increment: int
    effect: ChangeEffect
    """What it does, or would do."""
    status: ChangeStatus = "waiting-acknowledgement"
    has_failed: bool = False
    """Whether it stopped on an error, and waits for somebody to retry or cancel it."""
    logs: tuple[ChangeLog, ...] = ()
    cancellation: ChangeCancellation | None = None

    @property
    def is_in_progress(self) -> bool:
        return self.status in {"waiting-acknowledgement", "waiting-confirmation"}
