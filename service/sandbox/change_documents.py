"""Changes of orders in VTEX's words, as the answers to each operation tell them."""

from collections.abc import Sequence

from service.sandbox.change_lines import lines_from, lines_to
from service.sandbox.change_records import ChangeRequest, Operation, OperationKind
from service.sandbox.clock import moment
from service.sandbox.orders import Order

_CUSTOM_PAYMENTS = "customPaymentSystemsAllowed"


def requested(order: Order, request: ChangeRequest) -> dict[str, object]:
    """Tell what was asked for; what it comes to is not worked out here."""
    return {
        "requestId": request.request_id,
        "workflowId": request.workflow_id,
        **_told(order, request),
        "totals": [],
        "settings": request.settings,
    }


def previewed(order: Order, request: ChangeRequest) -> dict[str, object]:
    """Tell what would come of it."""
    return {**_told(order, request), "settings": request.settings}


def detailed(order: Order, request: ChangeRequest) -> dict[str, object]:
    """Tell how far a change is, and what has happened to it."""
    cancellation = request.cancellation
    return {
        "requestId": request.request_id,
        "workflowId": request.workflow_id,
        "status": request.status,
        "inProgress": request.is_in_progress,
        "finished": request.status == "done",
        **_told(order, request),
        "settings": _short_settings(request),
        "logs": _logs(request),
        "cancellationData": None
        if cancellation is None
        else {
            "requestedByUser": cancellation.by_user,
            "reason": cancellation.reason,
            "cancellationDate": moment(cancellation.at),
        },
    }


def history(order: Order) -> dict[str, object]:
    """Tell every change that was carried out, and each step of it."""
    done = [request for request in order.change_requests if request.status == "done"]
    return {
        "requests": [_past(order, request) for request in done],
        "actions": [
            {"requestId": request.request_id, **log}
            for request in done
            for log in _logs(request)
        ],
    }


def _told(order: Order, request: ChangeRequest) -> dict[str, object]:
    effect = request.effect
    operations = effect.operations
    return {
        "reason": request.reason,
        "manualDiscountValue": request.discount,
        "manualIncrementValue": request.increment,
        "totalChangeValue": effect.total,
        "totals": [
            {
                "id": "ManualValues",
                "name": "Manual Values Total",
                "value": effect.manual,
            },
            {"id": "Items", "name": "Items Total", "value": effect.items},
            {"id": "Shipping", "name": "Shipping Total", "value": effect.shipping},
        ],
        # VTEX publishes words here; the history has the objects.
        "add": _skus(operations, "add"),
        "remove": _skus(operations, "remove"),
        "replace": [
            {"from": lines_from(op.removed), "to": lines_to(op.added)}
            for op in operations
            if op.kind == "replace"
        ],
        "date": moment(request.at),
        "origin": {
            "account": order.account,
            "orderId": order.order_id,
            "component": f"{order.origin}Component",
        },
    }


def _past(order: Order, request: ChangeRequest) -> dict[str, object]:
    operations = request.effect.operations
    removed = [op.removed for op in operations if op.kind == "remove"]
    added = [op.added for op in operations if op.kind == "add"]
    return {
        "requestId": request.request_id,
        "workflowId": request.workflow_id,
        **_told(order, request),
        "add": lines_to(added[0]) if added else None,
        "remove": lines_from(removed[0]) if removed else None,
        "settings": _short_settings(request),
    }


def _short_settings(request: ChangeRequest) -> dict[str, object]:
    payments = request.settings["paymentConfiguration"]
    allowed = payments[_CUSTOM_PAYMENTS] if isinstance(payments, dict) else []
    return {_CUSTOM_PAYMENTS: allowed}


def _logs(request: ChangeRequest) -> list[dict[str, object]]:
    return [
        {
            "date": moment(log.at),
            "status": log.status,
            "source": "Workflow",
            "message": log.message,
        }
        for log in request.logs
    ]


def _skus(operations: Sequence[Operation], kind: OperationKind) -> list[str] | None:
    lines = [
        line.sku
        for op in operations
        if op.kind == kind
        for line in (*op.removed, *op.added)
    ]
    return lines or None
