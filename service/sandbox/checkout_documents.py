"""How checkout answers: carts, placed orders, transactions."""

from collections.abc import Sequence
from typing import Any, Final

from service.sandbox.checkout import price_of
from service.sandbox.checkout_bodies import CartItem
from service.sandbox.document import order_document
from service.sandbox.document_extras import custom_document
from service.sandbox.orders import CustomData, Order

_CALLBACK: Final = "/checkout/gatewayCallback/{orderGroup}/{messageCode}"
_SHOWN: Final = (
    "orderId",
    "orderGroup",
    "sellerOrderId",
    "affiliateId",
    "orderFormId",
    "salesChannel",
    "value",
    "creationDate",
    "lastChange",
    "items",
    "sellers",
    "totals",
    "clientProfileData",
    "shippingData",
    "paymentData",
    "isCheckedIn",
    "isCompleted",
    "allowCancellation",
)


def cart_document(
    cart: str, items: Sequence[CartItem], custom: CustomData
) -> dict[str, object]:
    """Return a cart, with its custom data."""
    value = sum(price_of(item) * item.quantity for item in items)
    return {
        "orderFormId": cart,
        "salesChannel": "1",
        "value": value,
        "items": [
            {
                "id": item.id,
                "quantity": item.quantity,
                "seller": item.seller,
                "price": price_of(item),
            }
            for item in items
        ],
        "totalizers": [{"id": "Items", "name": "Total dos Itens", "value": value}],
        "sellers": [
            {"id": seller} for seller in dict.fromkeys(i.seller for i in items)
        ],
        "customData": custom_document(custom),
        "clientProfileData": None,
        "shippingData": None,
        "paymentData": {"payments": [], "giftCards": [], "transactions": []},
        "messages": [],
    }


def placed_document(orders: Sequence[Order]) -> dict[str, object]:
    """Return the orders of a purchase that was placed, and their payment."""
    sold = _sold(orders)
    return {
        "orders": [_placed(order) for order in sold],
        "transactionData": {
            "merchantTransactions": [_merchant_transaction(sold)],
            "receiverUri": "",
            "gatewayCallbackTemplatePath": _CALLBACK,
        },
        "orderGroup": orders[0].group,
    }


def transaction_document(orders: Sequence[Order], cart: str) -> dict[str, object]:
    """Return the transaction that pays for what was in a cart."""
    sold = _sold(orders)
    transaction = _merchant_transaction(sold)
    return {
        "id": transaction["transactionId"],
        "orderGroup": orders[0].group,
        "orderFormId": cart,
        "value": sum(order.value for order in sold),
        "merchantTransactions": [transaction],
        "receiverUri": "",
        "gatewayCallbackTemplatePath": _CALLBACK,
        "paymentData": {"payments": transaction["payments"], "giftCards": []},
        "messages": [],
    }


def _sold(orders: Sequence[Order]) -> Sequence[Order]:
    # Checkout shows what the shopper bought, not what its sellers have to do.
    return [order for order in orders if order.flow != "seller"] or orders


def _placed(order: Order) -> dict[str, object]:
    document = order_document(order)
    return {
        **{name: document[name] for name in _SHOWN},
        "state": order.status or None,
        "storeId": order.account,
    }


def _merchant_transaction(sold: Sequence[Order]) -> dict[str, Any]:
    document: dict[str, Any] = order_document(sold[0])
    [transaction, *_] = document["paymentData"]["transactions"]
    value = sum(order.value for order in sold)
    return {
        "id": transaction["merchantName"],
        "transactionId": transaction["transactionId"],
        "merchantName": transaction["merchantName"],
        "payments": [
            {
                "paymentSystem": payment["paymentSystem"],
                "value": value,
                "referenceValue": value,
                "installments": payment["installments"],
                "currencyCode": "BRL",
            }
            for payment in transaction["payments"][:1]
        ],
    }
