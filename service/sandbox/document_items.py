"""The parts of the order document that tell what was bought."""

from service.sandbox.items import Item
from service.sandbox.orders import Order


def items_of(order: Order) -> list[dict[str, object]]:
    """Return `items`, in the order of the cart."""
    return [_item(order, index, item) for index, item in enumerate(order.items)]


def metadata(order: Order) -> dict[str, object]:
    """Return `itemMetadata`: the catalog's word on each item."""
    return {"Items": [_metadata(item) for item in order.items]}


def _item(order: Order, index: int, item: Item) -> dict[str, object]:
    prices = {
        "sellingPrices": [{"value": item.price, "quantity": item.quantity}],
        "calculatedSellingPrice": item.price,
        "total": item.price * item.quantity,
    }
    return {
        "uniqueId": order.unique_id(index),
        "id": item.sku,
        "productId": item.product_id,
        "ean": None,
        "lockId": f"{order.group}-lock",
        "refId": f"REF-{item.sku}",
        "sellerSku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "seller": item.seller,
        "price": item.list_price,
        "listPrice": item.list_price,
        "sellingPrice": item.price,
        "costPrice": item.price,
        "tax": 0,
        "commission": 0,
        "freightCommission": 0,
        "rewardValue": 0,
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "isGift": False,
        "detailUrl": f"/produto-{item.product_id}/p",
        "imageUrl": f"https://images.example.com/{item.product_id}.png",
        "priceDefinition": prices,
        # Under both names, as the operations that return orders do not agree on one.
        "priceDefinitions": prices,
        "additionalInfo": _additional_info(),
        **_unused(),
    }


def _additional_info() -> dict[str, object]:
    sizes = ("cubicweight", "height", "length", "weight", "width")
    return {
        "brandName": "Sandbox",
        "brandId": "1",
        "categoriesIds": "/1/",
        "categories": [{"id": 1, "name": "Sandbox"}],
        "productClusterId": "",
        "commercialConditionId": "1",
        "dimension": dict.fromkeys(sizes, 1),
        "offeringInfo": None,
        "offeringType": None,
        "offeringTypeId": None,
    }


def _unused() -> dict[str, object]:
    lists = (
        "assemblies",
        "attachmentOfferings",
        "attachments",
        "bundleItems",
        "components",
        "offerings",
        "params",
        "priceTags",
    )
    nothing = (
        "callCenterOperator",
        "manualPrice",
        "manualPriceAppliedBy",
        "parentAssemblyBinding",
        "parentItemIndex",
        "preSaleDate",
        "priceValidUntil",
        "serialNumbers",
        "shippingPrice",
        "taxCode",
    )
    return {
        **{name: [] for name in lists},
        **dict.fromkeys(nothing),
        "itemAttachment": {"content": {}, "name": None},
    }


def _metadata(item: Item) -> dict[str, object]:
    return {
        "Id": item.sku,
        "Seller": item.seller,
        "Name": item.name,
        "SkuName": item.name,
        "ProductId": item.product_id,
        "RefId": f"REF-{item.sku}",
        "Ean": "",
        "ImageUrl": f"https://images.example.com/{item.product_id}.png",
        "DetailUrl": f"/produto-{item.product_id}/p",
        "AssemblyOptions": [],
    }
