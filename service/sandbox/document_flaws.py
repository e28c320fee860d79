"""Known issues that show in the order document, each as what it does to a sound one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from service.sandbox.orders import Order

Document = dict[str, Any]


def with_flaws(document: dict[str, object], order: Order) -> dict[str, object]:
    """Spoil *document* as the known issues that struck *order* do."""
    for flaw, spoil in _SPOIL.items():
        if flaw in order.flaws:
            spoil(document)
    return document


def _lose_status(document: Document) -> None:
    document["status"] = None
    document["statusDescription"] = "detail.state.null"


def _lose_reason(document: Document) -> None:
    document["cancelReason"] = None
    document["cancellationData"] = None


def _mask(document: Document) -> None:
    person = document["clientProfileData"]
    for name in ("firstName", "lastName", "document", "phone"):
        person[name] = "***"
    for address in (
        document["shippingData"]["address"],
        *document["shippingData"]["selectedAddresses"],
    ):
        for name in ("receiverName", "street", "number", "postalCode"):
            address[name] = "***"


def _garble_phone(document: Document) -> None:
    document["clientProfileData"]["phone"] = "+()00 ---"


def _lose_slas(document: Document) -> None:
    for logistics in document["shippingData"]["logisticsInfo"]:
        for name in ("selectedSla", "shippingEstimate", "shippingEstimateDate"):
            logistics[name] = None


def _estimate_wrongly(document: Document) -> None:
    for logistics in document["shippingData"]["logisticsInfo"]:
        logistics["shippingEstimateDate"] = "2001-01-01T00:00:00.000000+00:00"


def _lose_items(document: Document) -> None:
    document["items"] = []


def _describe_packages_anew(document: Document) -> None:
    items = document["items"]
    for package in document["packageAttachment"]["packages"]:
        if package["type"] == "Output" and package["invoiceValue"] >= document["value"]:
            package["items"] = [
                {
                    "itemIndex": index,
                    "quantity": item["quantity"],
                    "price": item["sellingPrice"],
                    "description": item["name"],
                    "unitMultiplier": 1.0,
                }
                for index, item in enumerate(items)
            ]


_SPOIL: Final[Mapping[str, Callable[[Document], None]]] = MappingProxyType(
    {
        "KI-680919": _lose_status,
        "KI-792650": _lose_reason,
        "KI-360783": _mask,
        "KI-680500": _garble_phone,
        "KI-575219": _lose_slas,
        "KI-269104": _estimate_wrongly,
        "KI-1330069": _describe_packages_anew,
        # The last one, as the others look at the items.
        "KI-1350336": _lose_items,
    }
)
