"""The order document as other operations than Get order word it."""

from typing import Any

from service.sandbox.document import order_document
from service.sandbox.document_extras import marketing_data
from service.sandbox.orders import Order


def user_document(order: Order) -> dict[str, object]:
    """Return *order* as its customer sees it: with nothing where Get order has null."""
    document: dict[str, Any] = order_document(order)
    for logistics in document["shippingData"]["logisticsInfo"]:
        for name in ("entityId", "pickupPointId", "shippingEstimateDate"):
            logistics[name] = logistics[name] or ""
    for seller in document["sellers"]:
        seller["logo"] = ""
    benefits = document["ratesAndBenefitsData"]
    known = benefits["rateAndBenefitsIdentifiers"]
    benefits["rateAndBenefitsIdentifiers"] = [benefit["name"] for benefit in known]
    empty = {
        "merchantName": "",
        "checkedInPickupPointId": "",
        "taxData": {"areTaxesDesignatedByMarketplace": False, "taxInfoCollection": []},
        "changesAttachment": {"id": "changeAttachment", "changesData": []},
        "marketingData": marketing_data(),
    }
    return {
        **document,
        **{name: document[name] or instead for name, instead in empty.items()},
    }


def group_document(order: Order) -> dict[str, object]:
    """Return *order* as one of its purchase: texts of packages are never null."""
    document: dict[str, Any] = order_document(order)
    for package in document["packageAttachment"]["packages"]:
        _fill(package, "courier", "invoiceKey", "invoiceUrl", "trackingNumber")
        _fill(package, "trackingUrl")
        for item in package["items"]:
            _fill(item, "description")
    return document


def _fill(part: dict[str, Any], *names: str) -> None:
    for name in names:
        part[name] = part[name] or ""
