"""All changes of an order in one view: what it was, what came, what went, what it cost."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from service.sandbox.change_basket import changed_line
from service.sandbox.change_lines import UNIT, detail_url, image_url
from service.sandbox.change_records import ChangedLine, ChangeEffect, Operation
from service.sandbox.change_rules import named_items
from service.sandbox.clock import moment
from service.sandbox.items import Item
from service.sandbox.orders import Order


def summary(order: Order) -> dict[str, object]:
    """Tell what became of *order* by its changes, of either version."""
    done = [request for request in order.change_requests if request.status == "done"]
    effects = [
        *(change.effect for change in order.registered_changes),
        *(request.effect for request in done),
    ]
    discounts, increments = _by_hand(order)
    return {
        "original": [
            {**_line(changed_line(item, item.quantity)), **_original(item, index)}
            for index, item in enumerate(order.original_items or named_items(order))
        ],
        **_operations(effects),
        "manualDiscountValueAggregated": discounts,
        "manualIncrementValueAggregated": increments,
        "totalChangeValueAggregated": sum(effect.total for effect in effects),
        # VTEX publishes a list of lists here and shows a plain one: this is both.
        "totals": [],
        "lastChange": moment(_last(order)),
    }


def _by_hand(order: Order) -> tuple[int, int]:
    registered = [(c.discount, c.increment) for c in order.registered_changes]
    done = [
        (request.discount, request.increment)
        for request in order.change_requests
        if request.status == "done"
    ]
    changes = [*registered, *done]
    return sum(d for d, _ in changes), sum(i for _, i in changes)


def _last(order: Order) -> datetime:
    moments = [change.at for change in order.registered_changes]
    moments += [
        request.logs[-1].at
        for request in order.change_requests
        if request.status == "done"
    ]
    return max(moments, default=order.created_at)


def _operations(effects: Iterable[ChangeEffect]) -> dict[str, object]:
    operations = [op for effect in effects for op in effect.operations]
    plain = [op for op in operations if op.kind != "replace"]
    return {
        "added": [_line(line) for op in plain for line in op.added],
        "removed": [_line(line) for op in plain for line in op.removed],
        "replaced": [_replaced(op) for op in operations if op.kind == "replace"],
    }


def _replaced(operation: Operation) -> dict[str, object]:
    kind = _kind(operation)
    return {
        "replaceType": kind,
        "userInputType": kind,
        "from": {
            "items": [_line(line) for line in operation.removed],
            "shippingData": None,
        },
        "to": {
            "items": [_line(line) for line in operation.added],
            "shippingData": None,
        },
        "type": "UserInput",
    }


def _kind(operation: Operation) -> str:
    removed, added = _counted(operation.removed), _counted(operation.added)
    if removed.keys() != added.keys():
        return "ItemReplacement"
    return "PriceChange" if removed == added else "QuantityChange"


def _counted(lines: Sequence[ChangedLine]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for line in lines:
        counted[line.sku] = counted.get(line.sku, 0) + line.quantity
    return counted


def _line(line: ChangedLine) -> dict[str, object]:
    return {
        "id": line.sku,
        "uniqueId": line.unique_id,
        "totalQuantity": line.quantity,
        "quantity": line.quantity,
        "price": line.list_price,
        "sellingPrice": line.price,
        "measurementUnit": UNIT,
        "unitMultiplier": 1.0,
        "imageUrl": image_url(line),
        "detailUrl": detail_url(line),
        "name": line.name,
        "refId": f"REF-{line.sku}",
        "priceTags": [],
        "deliveryIds": None,
    }


def _original(item: Item, index: int) -> dict[str, object]:
    return {
        "itemIndex": index,
        "seller": item.seller,
        "sellerSku": item.sku,
        "productId": item.product_id,
        "ean": None,
        "listPrice": item.list_price,
        "tax": 0,
        "isGift": False,
        "attachments": [],
        "components": [],
        "bundleItems": [],
        "offerings": [],
        "priceDefinition": {
            "calculatedSellingPrice": item.price,
            "total": item.price * item.quantity,
            "sellingPrices": [{"value": item.price, "quantity": item.quantity}],
        },
    }
