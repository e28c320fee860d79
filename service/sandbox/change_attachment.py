"""What Get order tells of an order's changes."""

from collections.abc import Sequence

from service.sandbox.change_records import (
    ChangedLine,
    ChangeRequest,
    Operation,
    RegisteredChange,
)
from service.sandbox.clock import moment
from service.sandbox.orders import Order


def changes_attachment(order: Order) -> dict[str, object] | None:
    """Return `changesAttachment` of Get order: every change, oldest first."""
    changes = [_registered(order, change) for change in order.registered_changes]
    changes += [
        _attached(order, request)
        for request in order.change_requests
        if request.status == "done"
    ]
    return {"id": "changeAttachment", "changesData": changes} if changes else None


def _registered(order: Order, change: RegisteredChange) -> dict[str, object]:
    return {
        "reason": change.reason,
        "discountValue": change.discount,
        "incrementValue": change.increment,
        **_moved(change.effect.operations),
        "receipt": {
            "date": moment(change.at),
            "orderId": order.order_id,
            "receipt": change.receipt,
        },
    }


def _attached(order: Order, request: ChangeRequest) -> dict[str, object]:
    total = request.effect.total
    return {
        "reason": request.reason,
        "discountValue": max(0, -total),
        "incrementValue": max(0, total),
        **_moved(request.effect.operations),
        "receipt": {
            "date": moment(request.logs[-1].at),
            "orderId": order.order_id,
            "receipt": request.request_id,
        },
    }


def _moved(operations: Sequence[Operation]) -> dict[str, object]:
    return {
        "itemsAdded": [_attached_line(line) for op in operations for line in op.added],
        "itemsRemoved": [
            _attached_line(line) for op in operations for line in op.removed
        ],
    }


def _attached_line(line: ChangedLine) -> dict[str, object]:
    return {
        "id": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "unitMultiplier": None,
    }
