"""The lists of orders in VTEX's words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from operator import attrgetter, mul
from struct import pack, unpack
from types import MappingProxyType
from typing import Any, Final, Self

from service.sandbox.clock import moment
from service.sandbox.document import order_document
from service.sandbox.index import Row
from service.sandbox.items import Item
from service.sandbox.listing import Paging, estimated_at
from service.sandbox.payments import PAYMENT_NAME

_LARGEST: Final = 2**63
"""Whole numbers from here on do not fit into JSON as they are."""


@dataclass(frozen=True, slots=True)
class _Summary:
    """Some values in short; summaries of parts add up to that of the whole."""

    count: int
    total: int
    squares: int
    least: int
    most: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        return cls(
            len(values),
            sum(values),
            sum(map(mul, values, values)),
            min(values, default=0),
            max(values, default=0),
        )

    @classmethod
    def of_parts(cls, parts: Iterable[Self]) -> Self:
        filled = [part for part in parts if part.count]
        return cls(
            sum(part.count for part in filled),
            sum(part.total for part in filled),
            sum(part.squares for part in filled),
            min((part.least for part in filled), default=0),
            max((part.most for part in filled), default=0),
        )

    def document(self) -> dict[str, object]:
        count, total, squares = self.count, self.total, self.squares
        spread = count * squares - total * total
        # The published schema has whole numbers here, so fractions are left out.
        return {
            "Count": count,
            "Max": self.most,
            "Mean": round(total / count) if count else 0,
            "Min": self.least,
            "Missing": 0,
            "StdDev": round(sqrt(spread / (count * (count - 1)))) if count > 1 else 0,
            "Sum": total,
            "SumOfSquares": squares if squares < _LARGEST else float(squares),
        }


def list_document(
    rows: Sequence[Row], page: Sequence[dict[str, object]], paging: Paging
) -> dict[str, object]:
    """Return one *page* of a list; its statistics are of all *rows*."""
    parts = defaultdict[str, list[Row]](list, Fulfillment=[], Marketplace=[])
    for row in rows:
        parts[row.origin].append(row)
    statistics = {
        name: _statistics(parts, measure) for name, measure in _MEASURES.items()
    }
    return {
        "list": page,
        "facets": [],
        "paging": paging.document(),
        "stats": {"stats": statistics},
    }


def user_list_document(
    page: Sequence[dict[str, object]], paging: Paging
) -> dict[str, object]:
    """Return one *page* of a customer's list; nobody makes statistics for it."""
    nothing = {**_Summary.of([]).document(), "Facets": {}}
    return {
        "list": page,
        "facets": [],
        "paging": paging.document(),
        "stats": {"stats": {"totalValue": nothing, "totalItems": nothing}},
    }


def row_document(row: Row, last_message: str | None) -> dict[str, object]:
    """Return *row* as a list shows it."""
    order = row.order
    document: dict[str, Any] = order_document(order)
    shopper, operator = order.shopper, order.operator
    return {
        "orderId": order.order_id,
        "creationDate": document["creationDate"],
        "clientName": f"{shopper.first_name} {shopper.last_name}",
        "items": None,
        "totalValue": row.value,
        "paymentNames": "" if order.flow == "seller" else PAYMENT_NAME,
        "status": order.status,
        "statusDescription": document["statusDescription"],
        "marketPlaceOrderId": None
        if order.origin == "Marketplace"
        else document["marketplaceOrderId"],
        "sequence": order.sequence,
        "salesChannel": document["salesChannel"],
        "affiliateId": document["affiliateId"],
        "origin": order.origin,
        "workflowInErrorState": order.in_error,
        "workflowInRetry": False,
        "lastMessageUnread": last_message,
        "ShippingEstimatedDate": moment(estimated_at(order)),
        "ShippingEstimatedDateMax": None,
        "ShippingEstimatedDateMin": None,
        "orderIsComplete": not order.is_incomplete,
        "listId": None,
        "listType": None,
        "authorizedDate": document["authorizedDate"],
        "callCenterOperatorName": operator.name if operator else None,
        "totalItems": row.quantity,
        "currencyCode": document["storePreferencesData"]["currencyCode"],
    }


def items_document(items: Iterable[Item]) -> list[dict[str, object]]:
    """Return *items* as a customer's list shows them."""
    return [
        {
            "seller": item.seller,
            "quantity": item.quantity,
            "description": item.name,
            "ean": None,
            "refId": f"REF-{item.sku}",
            "id": item.sku,
            "productId": item.product_id,
            "sellingPrice": item.price,
            "price": item.list_price,
        }
        for item in items
    ]


def rounded(value: int) -> float:
    """Return *value* as VTEX's index holds it, with 24 bits."""
    held: float = unpack("f", pack("f", value))[0]
    return held


_MEASURES: Final[Mapping[str, Callable[[Row], int]]] = MappingProxyType(
    {"totalValue": attrgetter("value"), "totalItems": attrgetter("quantity")}
)


def _statistics(
    parts: Mapping[str, Sequence[Row]], measure: Callable[[Row], int]
) -> dict[str, object]:
    by_origin = {
        origin: _Summary.of(list(map(measure, rows))) for origin, rows in parts.items()
    }
    whole = _Summary.of_parts(by_origin.values()).document()
    return {
        **whole,
        "Facets": {
            "origin": {
                origin: {**summary.document(), "Facets": None}
                for origin, summary in by_origin.items()
            },
            "currencyCode": {"BRL": {**whole, "Facets": None}},
        },
    }
