"""The parts of the order document that tell how the order travels."""

from service.sandbox.clock import moment
from service.sandbox.items import Item, PickupPoint, Place
from service.sandbox.orders import Order, Shopper
from service.sandbox.packages import Package


def shipping_data(order: Order) -> dict[str, object]:
    """Return `shippingData`: the address, and how each item travels."""
    points = {
        point.point_id: _pickup_address(point, order.shopper)
        for item in order.items
        if (point := item.logistics.pickup_point) is not None
    }
    home = _home(order.shopper)
    selected = list(points.values())
    if any(item.logistics.channel == "delivery" for item in order.items):
        selected.insert(0, home)
    return {
        "id": "shippingData",
        "address": selected[0],
        "selectedAddresses": selected,
        "availableAddresses": [home],
        "logisticsInfo": [
            _logistics(order, index, item) for index, item in enumerate(order.items)
        ],
        "trackingHints": None,
        "contactInformation": [],
    }


def packages(order: Order) -> list[dict[str, object]]:
    """Return `packageAttachment.packages`, in the order they were invoiced."""
    return [_package(package) for package in order.packages]


def _address(place: Place, *, kind: str, receiver: str | None) -> dict[str, object]:
    return {
        "addressType": kind,
        "receiverName": receiver,
        "addressId": place.address_id,
        "versionId": None,
        "entityId": None,
        "postalCode": place.postal_code,
        "city": place.city,
        "state": place.state,
        "country": "BRA",
        "street": place.street,
        "number": place.number,
        "neighborhood": place.neighborhood,
        "complement": "",
        "reference": None,
        "geoCoordinates": [place.longitude, place.latitude],
    }


def _home(shopper: Shopper) -> dict[str, object]:
    receiver = f"{shopper.first_name} {shopper.last_name}"
    return _address(shopper.home, kind="residential", receiver=receiver)


def _pickup_address(point: PickupPoint, shopper: Shopper) -> dict[str, object]:
    receiver = f"{shopper.first_name} {shopper.last_name}"
    return _address(point.place, kind="pickup", receiver=receiver)


def _pickup_store(point: PickupPoint | None) -> dict[str, object]:
    return {
        "isPickupStore": point is not None,
        "friendlyName": point.name if point else None,
        "address": _address(point.place, kind="pickup", receiver=None)
        if point
        else None,
        "additionalInfo": None,
        "dockId": None,
    }


def _logistics(order: Order, index: int, item: Item) -> dict[str, object]:
    logistics, point = item.logistics, item.logistics.pickup_point
    terms: dict[str, object] = {
        "shippingEstimate": logistics.estimate,
        "shippingEstimateDate": moment(logistics.estimate_at),
        "deliveryChannel": logistics.channel,
        "deliveryWindow": None,
        "price": logistics.price,
        "listPrice": logistics.price,
        "sellingPrice": logistics.price,
        "lockTTL": "10d",
        "pickupPointId": point.point_id if point else None,
        "pickupStoreInfo": _pickup_store(point),
        "polygonName": None,
        "transitTime": logistics.estimate,
    }
    return {
        **terms,
        "itemIndex": index,
        "itemId": item.sku,
        "selectedSla": logistics.sla,
        "selectedDeliveryChannel": logistics.channel,
        "addressId": point.point_id if point else order.shopper.home.address_id,
        "deliveryCompany": logistics.courier,
        "slas": [
            {
                **terms,
                "id": logistics.sla,
                "name": logistics.sla,
                "pickupPointId": point.point_id if point else "",
                "pickupDistance": 0.0,
            }
        ],
        "shipsTo": ["BRA"],
        "deliveryIds": [
            {
                "courierId": logistics.sla.lower(),
                "courierName": logistics.courier,
                "dockId": "1",
                "quantity": item.quantity,
                "warehouseId": "1_1",
                "accountCarrierName": order.account,
                "kitItemDetails": [],
            }
        ],
        "deliveryChannels": [{"id": logistics.channel, "stockBalance": 0}],
        "versionId": None,
        "entityId": None,
    }


def _package(package: Package) -> dict[str, object]:
    return {
        "type": package.type,
        "invoiceNumber": package.invoice_number,
        "invoiceValue": package.invoice_value,
        "invoiceKey": package.invoice_key,
        "invoiceUrl": package.invoice_url,
        "embeddedInvoice": package.embedded_invoice or "",
        "issuanceDate": moment(package.issued_at),
        "courier": package.courier,
        "trackingNumber": package.tracking_number,
        "trackingUrl": package.tracking_url,
        "dispatchedDate": moment(package.dispatched_at),
        "items": [
            {
                "itemIndex": item.item_index,
                "quantity": item.quantity,
                "price": item.price,
                "description": item.description,
                "unitMultiplier": 1.0,
            }
            for item in package.items
        ],
        "courierStatus": _courier_status(package),
        "cfop": None,
        "volumes": 1,
        "EnableInferItems": None,
        "restitutions": _restitutions(package),
    }


def _courier_status(package: Package) -> dict[str, object] | None:
    status = package.courier_status
    if status is None:
        return None
    return {
        "status": "ok",
        "finished": status.finished,
        "deliveredDate": moment(status.delivered_at) or "",
        "data": [
            {
                "lastChange": moment(checkpoint.at),
                "createDate": moment(checkpoint.reported_at),
                "city": checkpoint.city,
                "state": checkpoint.state,
                "description": checkpoint.description,
            }
            for checkpoint in status.checkpoints
        ],
    }


def _restitutions(package: Package) -> dict[str, object]:
    if package.type == "Output":
        return {}
    return {
        "Refund": {"value": package.invoice_value, "giftCardData": None, "items": []}
    }
