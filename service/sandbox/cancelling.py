"""When an order can be cancelled or replaced, by whom, and how a seller says no."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from service.sandbox import flow
from service.sandbox.bodies import CancelRequest, Denial
from service.sandbox.orders import (
    Cancellation,
    CancellationRequest,
    Canceller,
    Flow,
    Order,
)
from service.sandbox.refusals import NotAllowedError
from service.sandbox.rules import Effect

_SALE_AT_ONCE: Final = frozenset(
    {
        "on-order-completed",
        "waiting-for-authorization",
        "waiting-for-mkt-authorization",
        "payment-pending",
        "approve-payment",
        flow.CHANGING_SELLER,
        flow.CHANGING_PAYMENT,
        flow.CREATION_ERROR,
    }
)
_SELLER_AT_ONCE: Final = frozenset(
    {
        "on-order-completed-ffm",
        "waiting-for-manual-authorization",
        "waiting-ffmt-authorization",
        "authorize-fulfillment",
        "window-to-cancel",
        flow.ASKED,
    }
)
_AT_ONCE: Final[Mapping[Flow, frozenset[str]]] = MappingProxyType(
    {
        "complete": _SALE_AT_ONCE | _SELLER_AT_ONCE | {"payment-approved"},
        "marketplace": _SALE_AT_ONCE,
        "seller": _SELLER_AT_ONCE,
        "chain": _SALE_AT_ONCE,
    }
)
_KEPT: Final = flow.AUTOMATIC | {
    "invoiced",
    "request-cancel",
    flow.DECIDING,
    flow.ASKED,
    flow.CANCELED,
    flow.REPLACED,
    flow.CREATION_ERROR,
}
"""Statuses in which the shopper cannot replace the order by another."""
_ON_REQUEST: Final = MappingProxyType(
    {
        "ready-for-handling": flow.ASKED,
        "waiting-for-fulfillment": flow.ASKED,
        "handling": flow.ASKED,
        flow.PICKED: flow.ASKED,
    }
)
_ON_REQUEST_OF_SALE: Final = MappingProxyType(
    {
        "payment-approved": "request-cancel",
        "waiting-seller-handling": "request-cancel",
    }
)

_REASONS: Final[Mapping[Canceller, str]] = MappingProxyType(
    {
        "shopper": "Desisti da compra",
        "payment": "Pagamento negado",
        "merchant": "Pedido da loja",
        "system": "Prazo expirado",
    }
)


def cancellable(order: Order) -> bool:
    """Say whether a cancel call would be heard."""
    return order.invoiced_value == 0 and (
        order.status in _AT_ONCE[order.flow]
        or order.status in _requests(order)
        or _confirms_for_seller(order)
    )


def cancel(order: Order, request: CancelRequest, *, at: datetime) -> Effect:
    """Cancel *order*; while its seller handles it, the first call only asks."""
    detail = {"requestedByUser": request.requested_by_user}
    by: Canceller = "shopper" if request.requested_by_user else "merchant"
    if order.is_incomplete:
        raise NotAllowedError("An incomplete order cannot be cancelled")
    if order.invoiced_value:
        raise NotAllowedError("An order with an invoice cannot be cancelled")
    if asked := _requests(order).get(order.status):
        ask(order, request.reason, by=by, at=at)
        return Effect(to=asked, detail=detail)
    if not cancellable(order):
        raise NotAllowedError(f"An order in {order.status} cannot be cancelled")
    order.cancellation = Cancellation(reason=request.reason, by=by, at=at)
    return Effect(to=flow.CANCEL, detail=detail)


def give_up(order: Order) -> Effect:
    """Let the shopper replace *order* by another one."""
    if (
        order.flow == "seller"
        or order.is_incomplete
        or order.invoiced_value
        or order.status in _KEPT
    ):
        raise NotAllowedError(
            f"An order in {order.status or 'no workflow'} cannot be replaced"
        )
    return Effect(to=flow.REPLACED)


def ask(order: Order, reason: str, *, by: Canceller, at: datetime) -> None:
    """Note that somebody asks *order*'s seller to cancel it."""
    asked_in = order.status
    # From there the platform takes it on: nobody can be sent back to it.
    if order.status == "start-handling":
        asked_in = "handling"
    elif order.status in flow.AUTOMATIC and order.requests:
        asked_in = order.requests[-1].asked_in
    order.requests.append(
        CancellationRequest(
            request_id=f"cancellation-{order.sequence}-{len(order.requests) + 1}",
            reason=reason,
            by=by,
            at=at,
            asked_in=asked_in,
        )
    )


def explain(order: Order, twin: Order | None, *, at: datetime) -> None:
    """Note why *order* is cancelled, unless a call has said so."""
    if order.cancellation is not None:
        return
    if order.status == order.fate.cancelled_in:
        by = order.fate.cancelled_by
        order.cancellation = Cancellation(reason=_REASONS[by], by=by, at=at)
    elif twin is not None and twin.cancellation is not None:
        order.cancellation = twin.cancellation
    elif order.status in {flow.ASKED, flow.DECIDING} and order.requests:
        asked = order.requests[-1]
        order.cancellation = Cancellation(reason=asked.reason, by=asked.by, at=at)
    else:
        reason = _REASONS["system"]
        order.cancellation = Cancellation(reason=reason, by="system", at=at)


def deny(order: Order, denial: Denial, *, at: datetime) -> Effect:
    """Refuse the cancellation that somebody asked for."""
    if order.status != flow.ASKED or not order.requests:
        raise NotAllowedError(
            f"Nobody waits for an answer to a cancellation in {order.status}"
        )
    request = order.requests[-1]
    if denial.request_id != request.request_id:
        raise NotAllowedError(f"The order has no request {denial.request_id}")
    order.requests[-1] = replace(
        request, denied_at=at, deny_reason=denial.reason or None
    )
    to = "cancellation-request-denied"
    return Effect(
        to=to if order.flow == "complete" else f"{to}-ffm",
        detail={"cancellationRequestId": denial.request_id},
    )


def _requests(order: Order) -> Mapping[str, str]:
    if order.flow in {"complete", "seller"}:
        return _ON_REQUEST
    return _ON_REQUEST_OF_SALE


def _confirms_for_seller(order: Order) -> bool:
    return order.status == flow.DECIDING and order.has_external_seller
