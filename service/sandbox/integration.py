"""Orders that a marketplace outside VTEX sells: they come in, are approved or cancelled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from service.sandbox import cancelling
from service.sandbox.bodies import CancelRequest
from service.sandbox.calls import Call
from service.sandbox.checkout import Checkout
from service.sandbox.checkout_bodies import OutsideOrder, OutsideStatus
from service.sandbox.flow import PATHS
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.refusals import OrderUnknownError, RefusedError
from service.sandbox.rules import Effect


class NotYetError(RefusedError):
    """The order does not wait for its payment yet; send it again later."""

    code = "EOI008"


class TooLateError(RefusedError):
    """The order does not wait for its payment any more."""

    code = "EOI009"


_BEFORE: Final = frozenset(
    {
        "order-created",
        "on-order-completed",
        "waiting-for-authorization",
        "on-order-completed-ffm",
        "order-accepted",
        "waiting-for-manual-authorization",
    }
)
_AWAITS_PAYMENT: Final = frozenset(
    {"waiting-ffmt-authorization", "waiting-for-mkt-authorization"}
)


class Integration:
    """Takes in what marketplaces outside send, under ids that begin with MKP."""

    def __init__(self, oms: Oms, checkout: Checkout) -> None:
        self._oms = oms
        self._checkout = checkout

    def place(self, caller: Caller, order: OutsideOrder) -> Sequence[Order]:
        """Take *order* in; one that is there already is only returned."""
        found = self._find(caller.account, order.marketplace_order_id)
        if found:
            return found
        placed = self._checkout.place(
            caller,
            order,
            Wish(external_marketplace=True),
            called=order.marketplace_order_id,
        )
        is_paid = order.marketplace_order_status == "APPROVED"
        for part in _from_outside(placed):
            part.fate = replace(part.fate, is_paid_upstream=is_paid)
        self._oms.begin(placed)
        return placed

    def update(self, caller: Caller, status: OutsideStatus) -> Sequence[Order]:
        """Approve or cancel what a marketplace outside sold.

        Raises:
            RefusedError: There is no such order, or it is too early or too late.
        """
        orders = self._find(caller.account, status.marketplace_order_id)
        if not orders:
            raise OrderUnknownError
        approved = status.marketplace_order_status == "APPROVED"
        for part in _from_outside(orders):
            self._oms.carry_out(
                caller, part.order_id, _APPROVE if approved else _CANCEL
            )
        return orders

    def _find(self, account: str, marketplace_order_id: str) -> Sequence[Order]:
        return self._oms.group(account, f"MKP-{marketplace_order_id}")


def _from_outside(orders: Sequence[Order]) -> Sequence[Order]:
    return [order for order in orders if order.flow == "chain" or order.twin is None]


def _approve(order: Order, _: datetime) -> Effect:
    if order.status in _BEFORE:
        raise NotYetError
    if order.status not in _AWAITS_PAYMENT:
        raise TooLateError
    return Effect(to=PATHS[order.flow][order.status].to)


_APPROVE: Final = Call("approve", _approve)
_CANCEL: Final = Call(
    "cancel",
    lambda order, at: cancelling.cancel(
        order, CancelRequest(reason="marketplace"), at=at
    ),
)
