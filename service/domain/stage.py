"""The five stages that My Account shows for an order, and their trigger keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, Literal, NamedTuple, Self

from service.domain.document import OrderDocument, Package
from service.domain.parcels import OUTPUT, PICKUP, Parcel, parcels
from service.domain.statuses import INVOICED, STAGE_OF_STATUS

Phase = Literal["to-do", "doing", "done"]
Channel = Literal["delivery", "pickup", "mixed"]

PHASES: Final[Sequence[Phase]] = ("to-do", "doing", "done")
_PLACES: Final = {phase: place for place, phase in enumerate(PHASES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where an order is: stages before are done, those after are to do."""

    number: int
    """From 1 (placing the order) to 5 (shipping it, or ready for pickup)."""
    phase: Phase
    pickup: bool
    """Every parcel goes to a pickup point; a mixed order counts as delivery."""

    @property
    def rank(self) -> int:
        """How far the order is; a higher rank is further."""
        return len(PHASES) * self.number + _PLACES[self.phase]


_STAGES: Final = {
    (number, phase, pickup): Stage(number=number, phase=phase, pickup=pickup)
    for number in range(1, 6)
    for phase in PHASES
    for pickup in (False, True)
}


def stage_at(number: int, phase: Phase, *, pickup: bool) -> Stage:
    """Return the one object that stands for this stage: there are thirty in all."""
    return _STAGES[number, phase, pickup]


# A row for each stage, a column for each phase.
_SHARED: Final = (
    (
        ("order.progress.confirmOrder", "Place order"),
        ("order.progress.confirmingOrder", "Placing order"),
        ("order.progress.orderConfirmed", "Order placed"),
    ),
    (
        ("order.progress.approvePayment", "Approve payment"),
        ("order.progress.approvingPayment", "Approving payment"),
        ("order.progress.paymentApproved", "Payment approved"),
    ),
    (
        ("order.progress.handleShipping", "Handle order"),
        ("order.progress.handlingShipping", "Handling order"),
        ("order.progress.shippingHandled", "Package handled"),
    ),
)
_DELIVERY: Final = (
    *_SHARED,
    (
        ("order.progress.deliverToCarrier", "Deliver to carrier"),
        ("order.progress.delivering", "Delivering to carrier"),
        ("order.progress.delivered", "Delivered to carrier"),
    ),
    (
        ("order.progress.ship", "Ship order"),
        ("order.progress.shipping", "Shipping order"),
        ("order.progress.shipped", "Order shipped"),
    ),
)
_PICKUP: Final = (
    *_SHARED,
    (
        ("order.progress.deliverToPickup", "Ship to pickup point"),
        ("order.progress.deliveringToPickup", "Shipping to pickup point"),
        ("order.progress.deliveredToPickup", "Shipped to pickup point"),
    ),
    (
        ("order.progress.pickup", "Pickup"),
        ("order.state.ready-for-pickup", "Ready for pickup"),
        ("order.state.pickedUp", "Picked up"),
    ),
)
TRIGGER_NAMES: Final = {
    trigger: name for row in (*_DELIVERY, *_PICKUP[3:]) for trigger, name in row
}
"""The English name of every trigger."""


@cache
def triggers(stage: Stage) -> tuple[str, ...]:
    """Return the trigger keys of the five stages, in order."""
    return tuple(
        row[_column(stage, number)][0]
        for number, row in enumerate(_PICKUP if stage.pickup else _DELIVERY, 1)
    )


def _column(stage: Stage, number: int) -> int:
    if number == stage.number:
        return PHASES.index(stage.phase)
    return PHASES.index("done" if number < stage.number else "to-do")


class Way(NamedTuple):
    """How an order travels: its parcels, and what My Account makes of them."""

    parcels: tuple[Parcel, ...]
    shown: Sequence[Parcel]
    """The parcels that My Account knows: those with items of the order."""
    channel: Channel
    delivered: bool

    @classmethod
    def of(cls, document: OrderDocument) -> Self:
        """Split *document* into parcels, once for all questions."""
        split = parcels(document)
        shown = [parcel for parcel in split if parcel.items]
        return cls(
            parcels=split,
            shown=shown,
            channel=_channel(shown),
            delivered=_is_delivered(shown),
        )

    @property
    def pickup(self) -> bool:
        """Whether every parcel goes to a pickup point."""
        return self.channel == "pickup"

    def stage(self, status: str | None, now: datetime) -> Stage | None:
        """Return the stage of an order of *status* at *now*, if there is one."""
        if status != INVOICED:
            return stage_of_status(status, pickup=self.pickup)
        if self.delivered:
            return stage_at(5, "done", pickup=self.pickup)
        shown = self.shown
        arrived = _is_ready(shown, now) if self.pickup else _is_carried(shown)
        return stage_at(5 if arrived else 4, "doing", pickup=self.pickup)

    def ready_at(self, status: str | None) -> datetime | None:
        """Return when time alone moves a pickup order of *status* to stage 5."""
        if status != INVOICED or not self.pickup or self.delivered:
            return None
        return max(
            (p.estimate for p in self.shown if p.estimate is not None), default=None
        )


def stage_of(document: OrderDocument, now: datetime) -> Stage | None:
    """Return the stage that the document alone gives at *now*, if it gives one."""
    return Way.of(document).stage(document.status, now)


def stage_of_status(status: str | None, *, pickup: bool) -> Stage | None:
    """Return the stage that a status alone gives; no workflow yet is stage 1 to do."""
    if status is None:
        return stage_at(1, "to-do", pickup=pickup)
    number = STAGE_OF_STATUS.get(status)
    if number is None:
        return None
    return stage_at(number, "doing", pickup=pickup)


def ready_at(document: OrderDocument) -> datetime | None:
    """Return when time alone moves a pickup order from 4 to 5, if it ever does."""
    return Way.of(document).ready_at(document.status)


def channel_of(document: OrderDocument) -> Channel:
    """Say how the order's parcels travel."""
    return Way.of(document).channel


def _channel(shown: Iterable[Parcel]) -> Channel:
    channels = {parcel.channel for parcel in shown}
    if PICKUP not in channels:
        return "delivery"
    return "pickup" if len(channels) == 1 else "mixed"


def _is_ready(shown: Iterable[Parcel], now: datetime) -> bool:
    return all(p.estimate is None or p.estimate <= now for p in shown)


def _is_carried(shown: Sequence[Parcel]) -> bool:
    statuses = [p.package.courier_status if p.package else None for p in shown]
    return bool(statuses) and all(s is not None and s.data for s in statuses)


def _is_delivered(shown: Sequence[Parcel]) -> bool:
    return bool(shown) and all(_has_arrived(parcel.package) for parcel in shown)


def _has_arrived(package: Package | None) -> bool:
    if package is None or package.type != OUTPUT:
        return package is not None
    return package.courier_status is not None and package.courier_status.finished
