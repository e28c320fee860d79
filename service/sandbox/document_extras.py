"""The parts of the order document that only some orders have."""

from collections.abc import Sequence
from typing import Final

from service.sandbox.orders import CustomData, Order

_SALES_APP: Final = "VTEX Sales App"
"""Marks what was sold in a shop."""

_UNUSED: Final = (
    "utmPartner",
    "utmMedium",
    "utmCampaign",
    "coupon",
    "utmiCampaign",
    "utmipage",
    "utmiPart",
)


def affiliate_of(order: Order) -> str:
    """Return the id of the marketplace outside that sold *order*, if one did."""
    return "MKP" if order.group.startswith("MKP-") else ""


def extras(order: Order) -> dict[str, object]:
    """Return who sold *order* and where, and what the store wanted to know with it."""
    return {
        "marketingData": _marketing(order),
        "customData": custom_document(order.custom),
        "callCenterOperatorData": _operator(order),
        "isCheckedIn": order.is_in_store,
        "checkedInPickupPointId": None,
    }


def custom_document(custom: CustomData) -> dict[str, object] | None:
    """Return *custom* as orders and carts show it; None: there is nothing in it."""
    if not custom.apps and not custom.fields:
        return None
    fields = [
        {"name": field.name, "value": field.value, "refId": field.ref_id or ""}
        for field in custom.fields
    ]
    return {
        "customApps": [
            {"id": app, "major": 1, "fields": dict(values)}
            for app, values in custom.apps.items()
        ],
        "customFields": [{"linkedEntity": {"type": "order"}, "fields": fields}]
        if fields
        else [],
    }


def _marketing(order: Order) -> dict[str, object] | None:
    if not order.utm_source and not order.is_in_store:
        return None
    tags = [_SALES_APP] if order.is_in_store else []
    return marketing_data(source=order.utm_source or "", tags=tags)


def marketing_data(*, source: str = "", tags: Sequence[str] = ()) -> dict[str, object]:
    """Return where an order came from; nothing but *source* and *tags* is known."""
    return {
        "id": "marketingData",
        "utmSource": source,
        **dict.fromkeys(_UNUSED, ""),
        "marketingTags": list(tags),
    }


def _operator(order: Order) -> dict[str, object] | None:
    operator = order.operator
    if operator is None:
        return None
    return {
        "id": operator.operator_id,
        "email": operator.email,
        "userName": operator.name,
    }
