"""What speaks against an invoice, once the order is seen as it is at VTEX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from service.domain import raw
from service.domain.document import OrderDocument, document_hash, normalise
from service.domain.facts import InvoiceItem, OrderDetailsFetched
from service.domain.invoices import check_items, check_value
from service.domain.order import Order, fold
from service.domain.parcels import OUTPUT
from service.domain.statuses import Overlay, overlay_of
from service.errors import (
    CallRefusedError,
    InvalidInvoiceError,
    UnreadableAnswerError,
    UnreadableOrderError,
)
from service.react.calls import ClaimedCall
from service.react.ports import OrdersApi

_CLOSED: Final[frozenset[Overlay]] = frozenset({"canceled", "replaced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a call is not sent, and what follows from that."""

    reason: str
    then: Literal["wait", "park", "refuse"]
    """Wait: it passes by itself. Park: a person decides. Refuse: it has to be corrected."""


def needs_precaution(call: ClaimedCall) -> bool:
    """Say whether the order is looked at before *call* is sent for the first time.

    An invoice is: nothing takes it back, and on an order that was changed or is being
    cancelled in the same moment it does harm. Who replays one has decided.
    """
    body = call.request.body or {}
    return call.kind == "invoice" and body["type"] == OUTPUT and not call.replays


async def find_obstacle(
    api: OrdersApi, call: ClaimedCall, order: Mapping[str, object]
) -> Obstacle | None:
    """Return what speaks against *call*, whose order VTEX shows as *order*.

    Raises:
        OrdersApiError: See its subclass.
    """
    document = _read(order)
    sale = await _sale_of(api, document)
    return obstacle(call, document, sale=sale)


async def _sale_of(api: OrdersApi, document: OrderDocument) -> OrderDocument | None:
    """Read the marketplace's order that a seller's order fulfils, if it can be seen."""
    sale = document.marketplace_order_id
    if document.origin != "Fulfillment" or sale in {None, document.order_id}:
        return None
    try:
        return _read(await api.get_order(str(sale)))
    except CallRefusedError:
        # It belongs to another account, which does not show us its orders.
        return None


def _read(order: Mapping[str, object]) -> OrderDocument:
    try:
        return normalise(order)
    except UnreadableOrderError as error:
        raise UnreadableAnswerError(
            "VTEX gave something that is no order.", size=0, outcome_unknown=False
        ) from error


def obstacle(
    call: ClaimedCall, order: OrderDocument, *, sale: OrderDocument | None
) -> Obstacle | None:
    """Return what speaks against an invoice, given its order and that order's sale."""
    for document in (order, sale):
        overlay = overlay_of(document.status) if document else None
        if document is not None and overlay in _CLOSED:
            reason = f"{document.order_id} is {document.status}"
            return Obstacle(reason=reason, then="refuse")
        wanted = call.request.refuses_cancellation
        if document is not None and overlay == "canceling" and not wanted:
            reason = (
                f"the cancellation of {document.order_id} is asked for, which an "
                "invoice would refuse; replay the call to do so"
            )
            return Obstacle(reason=reason, then="park")
    if sale is not None and sale.is_completed is False:
        reason = f"the payment of {sale.order_id}, which this order fulfils, is open"
        return Obstacle(reason=reason, then="wait")
    return _misfit(call, fold([_seen(order)]))


def _misfit(call: ClaimedCall, order: Order) -> Obstacle | None:
    """Say how the invoice does not fit the order as it is now."""
    body = call.request.body or {}
    items = [_item(raw.mapping(line)) for line in raw.entries(body["items"])]
    outputs = order.outputs()
    try:
        if order.ordered:
            check_items(items, ordered=order.ordered, outputs=outputs)
        if order.value is not None:
            value = int(str(body["invoiceValue"]))
            check_value(value, order_value=order.value, outputs=outputs)
    except InvalidInvoiceError as error:
        return Obstacle(reason=f"the order was changed since: {error}", then="refuse")
    return None


def _seen(document: OrderDocument) -> OrderDetailsFetched:
    return OrderDetailsFetched(document=document, hash=document_hash(document))


def _item(line: Mapping[str, object] | Mapping[str, JsonValue]) -> InvoiceItem:
    return InvoiceItem.model_validate(dict(line))
