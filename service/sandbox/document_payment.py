"""The parts of the order document that tell what was paid, and how."""

from typing import Final

from service.sandbox.orders import Order

PROMOTION: Final = "Desconto Sandbox"
"""Where every discount comes from."""


def money(order: Order) -> dict[str, object]:
    """Return the value of *order*, what it is made of, and its payment."""
    return {
        "value": order.value,
        "roundingError": 0,
        "totals": [
            {"id": "Items", "name": "Total dos Itens", "value": order.items_value},
            {
                "id": "Discounts",
                "name": "Total dos Descontos",
                "value": order.adjustment - order.discount,
            },
            {"id": "Shipping", "name": "Total do Frete", "value": order.shipping_value},
            {"id": "Tax", "name": "Total da Taxa", "value": 0},
        ],
        "ratesAndBenefitsData": {
            "id": "ratesAndBenefitsData",
            "rateAndBenefitsIdentifiers": _promotions(order),
        },
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


def _promotions(order: Order) -> list[dict[str, object]]:
    if order.discount <= 0:
        return []
    return [
        {
            "id": "sandbox-discount",
            "name": PROMOTION,
            "description": None,
            "featured": False,
            "matchedParameters": {},
            "additionalInfo": None,
        }
    ]


def _payment(order: Order) -> dict[str, object]:
    tid = f"tid-{order.sequence}"
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
        "tid": tid,
        "connectorResponses": {
            "Tid": tid,
            "ReturnCode": "00",
            "Message": "",
            "authId": f"auth-{order.sequence}",
        },
        **_unused(order),
    }


def _unused(order: Order) -> dict[str, object]:
    nothing = (
        "cardNumber",
        "cvv2",
        "expireMonth",
        "expireYear",
        "giftCardCaption",
        "giftCardId",
        "giftCardName",
        "redemptionCode",
    )
    empty = (
        "accountId",
        "bankIssuedInvoiceBarCodeNumber",
        "bankIssuedInvoiceBarCodeType",
        "bankIssuedInvoiceIdentificationNumber",
        "bankIssuedInvoiceIdentificationNumberFormatted",
        "dueDate",
        "giftCardProvider",
        "koinUrl",
        "parentAccountId",
        "url",
    )
    home = order.shopper.home
    return {
        **dict.fromkeys(nothing),
        **dict.fromkeys(empty, ""),
        "giftCardAsDiscount": False,
        "billingAddress": {
            "postalCode": home.postal_code,
            "city": home.city,
            "state": home.state,
            "country": "BRA",
            "street": home.street,
            "number": home.number,
            "neighborhood": home.neighborhood,
            "complement": "",
            "reference": None,
            "geoCoordinates": [home.longitude, home.latitude],
        },
    }
