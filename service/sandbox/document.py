"""The document that Get order returns: an `Order` in VTEX's words."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from service.sandbox import rules
from service.sandbox.clock import moment
from service.sandbox.document_delivery import packages, shipping_data
from service.sandbox.invention import SELLERS
from service.sandbox.orders import Item, Order

_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "order-created": "Processando",
        "on-order-completed": "Processando",
        "waiting-for-authorization": "Aguardando autorização",
        "payment-pending": "Pagamento pendente",
        "approve-payment": "Aprovar pagamento",
        "payment-approved": "Pagamento aprovado",
        "authorize-fulfillment": "Autorizar despacho",
        "window-to-cancel": "Carência para cancelamento",
        "ready-for-handling": "Pronto para o manuseio",
        "start-handling": "Iniciar manuseio",
        "handling": "Preparando entrega",
        "invoice": "Verificando fatura",
        "invoice-after-cancellation-deny": "Fatura pós-cancelamento negado",
        "invoiced": "Faturado",
        "cancellation-requested": "Cancelamento solicitado",
        "cancel": "Cancelar",
        "canceled": "Cancelado",
    }
)


def order_document(order: Order) -> dict[str, object]:
    """Return *order* as Get order does, personal data included."""
    return {
        **_identity(order),
        **_workflow(order),
        **_money(order),
        **_person(order),
        "items": [_item(order, index, item) for index, item in enumerate(order.items)],
        "sellers": _sellers(order),
        "shippingData": shipping_data(order),
        "packageAttachment": {"packages": packages(order)},
        "cancellationData": _cancellation(order),
        "cancelReason": order.cancellation.reason if order.cancellation else None,
        "itemMetadata": {"Items": [_metadata(item) for item in order.items]},
        "storePreferencesData": _preferences(),
        "marketplaceItems": [],
        "authorizationPolicyData": [],
        "changesAttachment": None,
        "giftRegistryData": None,
        "marketingData": None,
        "openTextField": None,
        "invoiceData": None,
        "subscriptionData": None,
        "taxData": None,
        "customData": None,
        "callCenterOperatorData": None,
        "commercialConditionData": None,
        "lastMessage": None,
        "isCheckedIn": False,
        "checkedInPickupPointId": None,
    }


def _identity(order: Order) -> dict[str, object]:
    return {
        "orderId": order.order_id,
        "sequence": order.sequence,
        "orderGroup": order.group,
        "marketplaceOrderId": order.order_id,
        "marketplaceServicesEndpoint": None,
        "sellerOrderId": order.order_id,
        "origin": "Marketplace",
        "affiliateId": "",
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
        "status": order.status,
        "statusDescription": _DESCRIPTIONS.get(order.status, order.status),
        "workflowIsInError": False,
        "isCompleted": order.authorized_at is not None,
        "allowCancellation": rules.cancellable(order),
        "allowEdition": order.status in {"payment-approved", "handling"},
        "creationDate": moment(order.created_at),
        "lastChange": moment(order.changed_at),
        "authorizedDate": moment(order.authorized_at),
        "invoicedDate": moment(order.invoiced_at),
    }


def _money(order: Order) -> dict[str, object]:
    return {
        "value": order.value,
        "roundingError": 0,
        "totals": [
            {"id": "Items", "name": "Total dos Itens", "value": order.items_value},
            {
                "id": "Discounts",
                "name": "Total dos Descontos",
                "value": -order.discount,
            },
            {"id": "Shipping", "name": "Total do Frete", "value": order.shipping_value},
            {"id": "Tax", "name": "Total da Taxa", "value": 0},
        ],
        "paymentData": {
            "giftCards": [],
            "transactions": [
                {
                    "isActive": True,
                    "transactionId": f"transaction-{order.sequence}",
                    "merchantName": order.account.upper(),
                    "payments": [_payment(order)],
                }
            ],
        },
    }


def _payment(order: Order) -> dict[str, object]:
    return {
        "id": f"payment-{order.sequence}",
        "paymentSystem": "4",
        "paymentSystemName": "Mastercard",
        "group": "creditCard",
        "value": order.value,
        "referenceValue": order.value,
        "installments": 1,
        "cardHolder": f"{order.shopper.first_name} {order.shopper.last_name}",
        "firstDigits": "000000",
        "lastDigits": "0000",
        "tid": f"tid-{order.sequence}",
        "connectorResponses": {},
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


def _item(order: Order, index: int, item: Item) -> dict[str, object]:
    return {
        "uniqueId": f"{order.sequence}-{index}",
        "id": item.sku,
        "productId": item.product_id,
        "ean": None,
        "refId": f"REF-{item.sku}",
        "sellerSku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "seller": item.seller,
        "price": item.list_price,
        "listPrice": item.list_price,
        "sellingPrice": item.price,
        "tax": 0,
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "isGift": False,
        "detailUrl": f"/produto-{item.product_id}/p",
        "imageUrl": f"https://images.example.com/{item.product_id}.png",
        "priceDefinition": {
            "sellingPrices": [{"value": item.price, "quantity": item.quantity}],
            "calculatedSellingPrice": item.price,
            "total": item.price * item.quantity,
        },
        "additionalInfo": {"brandName": "Sandbox", "brandId": "1"},
        "attachments": [],
        "bundleItems": [],
        "components": [],
        "priceTags": [],
        "parentItemIndex": None,
    }


def _sellers(order: Order) -> Sequence[dict[str, object]]:
    return [
        {
            "id": seller,
            "name": SELLERS[seller],
            "logo": None,
            "fulfillmentEndpoint": None,
        }
        for seller in dict.fromkeys(item.seller for item in order.items)
    ]


def _cancellation(order: Order) -> dict[str, object] | None:
    cancellation = order.cancellation
    if cancellation is None:
        return None
    return {
        "RequestedByUser": cancellation.by == "shopper",
        "RequestedBySystem": False,
        "RequestedBySellerNotification": cancellation.by == "merchant",
        "RequestedByPaymentNotification": cancellation.by == "payment",
        "Reason": cancellation.reason,
        "CancellationDate": moment(cancellation.at),
    }


def _metadata(item: Item) -> dict[str, object]:
    return {
        "Id": item.sku,
        "Seller": item.seller,
        "Name": item.name,
        "SkuName": item.name,
        "ProductId": item.product_id,
        "RefId": f"REF-{item.sku}",
        "Ean": None,
        "ImageUrl": f"https://images.example.com/{item.product_id}.png",
        "DetailUrl": f"/produto-{item.product_id}/p",
        "AssemblyOptions": [],
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
