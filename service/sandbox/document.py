"""The document that Get order returns: an `Order` in VTEX's words."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from service.sandbox import cancelling
from service.sandbox.change_attachment import changes_attachment
from service.sandbox.change_rules import changeable
from service.sandbox.clock import moment
from service.sandbox.descriptions import describe
from service.sandbox.document_delivery import packages, shipping_data
from service.sandbox.document_extras import affiliate_of, extras
from service.sandbox.document_flaws import with_flaws
from service.sandbox.document_items import items_of, metadata
from service.sandbox.document_payment import money
from service.sandbox.invention import SELLERS
from service.sandbox.orders import CancellationRequest, Flow, Order

_ENDPOINTS: Final[Mapping[Flow, str]] = MappingProxyType(
    {
        "complete": "",
        "marketplace": "",
        "seller": "https://marketplace.example.com/api",
        "chain": "https://marketplace.example.com/api",
    }
)


def order_document(order: Order) -> dict[str, object]:
    """Return *order* as Get order does, personal data and known flaws included."""
    return with_flaws(_sound(order), order)


def marketplace_order_id(order: Order) -> str:
    """Return what the marketplace's side calls the sale."""
    if order.marketplace_order_id is not None:
        return order.marketplace_order_id
    if order.flow == "seller" and order.twin is not None:
        return order.twin
    return order.order_id


def seller_order_id(order: Order) -> str:
    """Return what the seller's side calls the sale."""
    if order.flow != "seller" and order.twin is not None:
        return order.twin
    return order.order_id


def _sound(order: Order) -> dict[str, object]:
    return {
        **_identity(order),
        **_workflow(order),
        **money(order),
        **_person(order),
        "items": items_of(order),
        "sellers": _sellers(order),
        "shippingData": shipping_data(order),
        "packageAttachment": {"packages": packages(order)},
        "cancellationData": _cancellation(order),
        "cancellationRequests": [_request(request) for request in order.requests],
        "cancelReason": order.cancellation.reason if order.cancellation else None,
        "itemMetadata": metadata(order),
        "storePreferencesData": _preferences(),
        "marketplaceItems": [],
        "authorizationPolicyData": [],
        "changesAttachment": changes_attachment(order),
        "giftRegistryData": None,
        "openTextField": None,
        "invoiceData": None,
        "subscriptionData": None,
        "taxData": None,
        "commercialConditionData": None,
        "lastMessage": None,
        **extras(order),
    }


def _identity(order: Order) -> dict[str, object]:
    return {
        "orderId": order.order_id,
        "sequence": order.sequence,
        "orderGroup": order.group,
        "marketplaceOrderId": marketplace_order_id(order),
        "marketplaceServicesEndpoint": _ENDPOINTS[order.flow],
        "sellerOrderId": seller_order_id(order),
        "origin": order.origin,
        "affiliateId": affiliate_of(order),
        "salesChannel": "1",
        "merchantName": None,
        "hostname": order.account,
        "orderFormId": f"orderform-{order.sequence}",
        "marketplace": {
            "baseURL": "",
            "isCertified": None,
            "name": order.account,
        },
    }


def _workflow(order: Order) -> dict[str, object]:
    return {
        "status": order.status or None,
        "statusDescription": describe(order.status),
        "workflowIsInError": order.in_error,
        "isCompleted": order.authorized_at is not None,
        "allowCancellation": cancelling.cancellable(order),
        "allowEdition": changeable(order),
        "creationDate": moment(order.created_at),
        "lastChange": moment(order.changed_at),
        "authorizedDate": moment(order.authorized_at),
        "invoicedDate": moment(order.invoiced_at),
    }


def _person(order: Order) -> dict[str, object]:
    shopper = order.shopper
    return {
        "followUpEmail": shopper.email,
        "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": False},
        "clientProfileData": {
            "id": "clientProfileData",
            "userProfileId": f"profile-{shopper.document}",
            "email": shopper.email,
            "firstName": shopper.first_name,
            "lastName": shopper.last_name,
            "documentType": "cpf",
            "document": shopper.document,
            "phone": shopper.phone,
            "corporateName": None,
            "tradeName": None,
            "corporateDocument": None,
            "stateInscription": None,
            "corporatePhone": None,
            "isCorporate": False,
            "customerClass": None,
            "customerCode": None,
        },
    }


def _sellers(order: Order) -> Sequence[dict[str, object]]:
    return [
        {
            "id": seller,
            "name": SELLERS.get(seller, seller),
            "logo": None,
            "fulfillmentEndpoint": "",
        }
        for seller in dict.fromkeys(item.seller for item in order.items)
    ]


def _cancellation(order: Order) -> dict[str, object] | None:
    cancellation = order.cancellation
    if cancellation is None:
        return None
    return {
        "RequestedByUser": cancellation.by == "shopper",
        "RequestedBySystem": cancellation.by == "system",
        "RequestedBySellerNotification": cancellation.by == "merchant",
        "RequestedByPaymentNotification": cancellation.by == "payment",
        "Reason": cancellation.reason,
        "CancellationDate": moment(cancellation.at),
    }


def _request(request: CancellationRequest) -> dict[str, object]:
    return {
        "id": request.request_id,
        "reason": request.reason,
        "cancellationRequestDate": moment(request.at),
        "requestedByUser": request.by == "shopper",
        "deniedBySeller": request.denied_at is not None,
        "deniedBySellerReason": request.deny_reason,
        "cancellationRequestDenyDate": moment(request.denied_at),
    }


def _preferences() -> dict[str, object]:
    return {
        "countryCode": "BRA",
        "currencyCode": "BRL",
        "currencyLocale": 1046,
        "currencySymbol": "R$",
        "timeZone": "E. South America Standard Time",
        "currencyFormatInfo": {
            "CurrencyDecimalDigits": 2,
            "CurrencyDecimalSeparator": ",",
            "CurrencyGroupSeparator": ".",
            "CurrencyGroupSize": 3,
            "StartsWithCurrencySymbol": True,
        },
    }
