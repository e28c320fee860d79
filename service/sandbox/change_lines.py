"""The lines that a change takes out or puts in, in VTEX's words."""

from collections.abc import Sequence

from service.sandbox.change_records import ChangedLine, ChosenShipping

UNIT = "un"


def lines_from(lines: Sequence[ChangedLine]) -> dict[str, object]:
    """Tell what goes out."""
    return {
        "paymentData": {"transactions": []},
        "items": [
            {
                "id": line.sku,
                "uniqueId": line.unique_id,
                "quantity": line.quantity,
                "price": None,
                "measurementUnit": UNIT,
                "unitMultiplier": 1,
                "sellingPrice": line.price,
                "name": line.name,
                "detailUrl": detail_url(line),
                "imageUrl": image_url(line),
            }
            for line in lines
        ],
        "shippingData": {"logisticsInfo": []},
    }


def lines_to(lines: Sequence[ChangedLine]) -> dict[str, object]:
    """Tell what comes in, and how it travels where the request says so."""
    return {
        "items": [_put(line) for line in lines],
        "paymentData": {"transactions": []},
        "receiptData": None,
        "shippingData": {
            "logisticsInfo": [
                _logistics(line, line.shipping) for line in lines if line.shipping
            ]
        },
    }


def _put(line: ChangedLine) -> dict[str, object]:
    return {
        "uniqueId": line.unique_id,
        "id": line.sku,
        "productId": line.product_id,
        "productRefId": None,
        "refId": f"REF-{line.sku}",
        "ean": None,
        "name": line.name,
        "skuName": line.name,
        "modalType": None,
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "assemblies": [],
        "priceValidUntil": None,
        "tax": 0,
        "price": line.list_price,
        "listPrice": line.list_price,
        "manualPrice": None,
        "manualPriceAppliedBy": None,
        "sellingPrice": line.price,
        "rewardValue": 0,
        "isGift": False,
        "additionalInfo": {
            "dimension": None,
            "brandName": "Sandbox",
            "brandId": "1",
            "offeringInfo": None,
            "offeringType": None,
            "offeringTypeId": None,
            "categoriesIds": None,
            "productClusterId": None,
            "commercialConditionId": None,
        },
        "preSaleDate": None,
        "productCategoryIds": None,
        "productCategories": {},
        "quantity": line.quantity,
        "seller": line.seller,
        "sellerChain": [line.seller],
        "imageUrl": image_url(line),
        "detailUrl": detail_url(line),
        "components": [],
        "bundleItems": [],
        "attachments": [],
        "attachmentOfferings": [],
        "offerings": [],
        "priceTags": [],
        "availability": None,
        "measurementUnit": UNIT,
        "unitMultiplier": 1,
        "manufacturerCode": None,
        "priceDefinition": None,
    }


def _logistics(line: ChangedLine, shipping: ChosenShipping) -> dict[str, object]:
    terms: dict[str, object] = {
        "shippingEstimate": shipping.estimate,
        "shippingEstimateDate": None,
        "lockTTL": None,
        "deliveryWindow": None,
        "price": shipping.price,
        "listPrice": shipping.price,
        "pickupStoreInfo": {
            "isPickupStore": shipping.channel == "pickup-in-point",
            "friendlyName": None,
            "address": None,
            "additionalInfo": None,
            "dockId": None,
        },
        "pickupPointId": shipping.address_id
        if shipping.channel == "pickup-in-point"
        else None,
        "pickupDistance": None,
        "polygonName": None,
        "transitTime": shipping.estimate,
        "deliveryIds": [],
    }
    return {
        **terms,
        "itemIndex": shipping.item_index,
        "itemId": line.sku,
        "selectedSla": shipping.sla,
        "selectedDeliveryChannel": shipping.channel,
        "addressId": shipping.address_id,
        "slas": [
            {
                **terms,
                "id": shipping.sla,
                "name": shipping.sla,
                "deliveryChannel": shipping.channel,
                "availableDeliveryWindows": [],
                "tax": 0,
            }
        ],
        "shipsTo": ["BRA"],
        "deliveryChannels": [{"id": shipping.channel}],
        "dockEstimate": None,
        "deliveryCompany": shipping.courier,
        "sellingPrice": shipping.price,
    }


def image_url(line: ChangedLine) -> str:
    """Return where the picture of *line* would be."""
    return f"https://images.example.com/{line.product_id}.png"


def detail_url(line: ChangedLine) -> str:
    """Return where the page of *line* would be."""
    return f"/produto-{line.product_id}/p"
