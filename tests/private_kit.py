"""Master keys, and an order of VTEX's whose every personal field is unmistakable."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from service.config import MasterKey
from service.db import Pool
from service.eventlog.ports import Clock
from service.private.keys import KeyRing
from service.private.store import CustomerStore

MARK = "zq7x"
"""In every personal text of `marked_order`, and nowhere else."""


def master_key(name: str = "k1", *, secret: str | None = None) -> MasterKey:
    """Return the key of this name, always the same."""
    digest = hashlib.sha256((secret or name).encode()).digest()
    return MasterKey(id=name, key=SecretStr(base64.b64encode(digest).decode()))


def customer_store(pool: Pool, clock: Clock, *names: str) -> CustomerStore:
    return CustomerStore(pool, keys=KeyRing(list(map(master_key, names))), clock=clock)


def marked_order(order_id: str = "1-01", status: str = "handling") -> dict[str, Any]:
    """Return an order whose personal data can be found wherever it went."""
    home = _address("home", at=[-46.7171717, -23.5353535])
    return {
        "orderId": order_id,
        "status": status,
        "lastChange": "2026-03-01T10:00:00Z",
        "isCompleted": True,
        "value": 1000,
        "followUpEmail": f"{MARK}-follow-up@example.com",
        "lastMessage": f"Dear {MARK}-last-message",
        "openTextField": {"value": f"{MARK}-open-text"},
        "customData": {"customApps": [{"fields": {"cpf": f"{MARK}-custom"}}]},
        "callCenterOperatorData": {"userName": f"{MARK}-operator"},
        "giftRegistryData": {"description": f"{MARK}-gift"},
        "marketingData": {"utmCampaign": f"{MARK}-campaign"},
        "clientProfileData": {
            name: f"{MARK}-profile-{name}"
            for name in (
                "userProfileId", "email", "firstName", "lastName", "documentType",
                "document", "phone", "corporateName", "tradeName", "corporateDocument",
                "stateInscription", "corporatePhone", "customerCode",
            )
        },
        "paymentData": {
            "transactions": [{"payments": [{"cardHolder": f"{MARK}-card-holder"}]}]
        },
        "invoiceData": {
            "address": _address("invoice", at=[-43.1919191, -22.9292929]),
            "userPaymentInfo": {"paymentMethods": [f"{MARK}-method"]},
        },
        "shippingData": {
            "address": home,
            "selectedAddresses": [home, _address("office", at=[-49.2626262, -25.4])],
            "availableAddresses": [_address("holiday", at=[-34.8787878, -8.0505])],
            "trackingHints": [{"trackingLabel": f"{MARK}-hint"}],
            "contactInformation": [
                {
                    name: f"{MARK}-contact-{name}"
                    for name in (
                        "email", "firstName", "lastName", "document", "documentType",
                        "phone",
                    )
                }
            ],
            "logisticsInfo": [{"itemIndex": 0, "selectedSla": "Normal"}],
        },
        "items": [{"id": "100", "name": "Mug", "quantity": 1, "price": 1000}],
        "packageAttachment": {
            "packages": [
                {
                    "invoiceNumber": "NF1",
                    "type": "Output",
                    "embeddedInvoice": f"<dest>{MARK}-invoice-recipient</dest>",
                    "items": [{"itemIndex": 0, "quantity": 1, "description": MARK}],
                }
            ]
        },
    }  # fmt: skip


def _address(name: str, *, at: list[float]) -> dict[str, Any]:
    texts = {
        field: f"{MARK}-{name}-{field}"
        for field in (
            "addressType", "receiverName", "addressId", "postalCode", "city", "state",
            "country", "street", "number", "neighborhood", "complement", "reference",
        )
    }  # fmt: skip
    return texts | {"geoCoordinates": at}


def sentinels(value: object) -> Iterator[str]:
    """Return every personal text and coordinate in *value*."""
    match value:
        case dict():
            for inner in value.values():
                yield from sentinels(inner)
        case list():
            for inner in value:
                yield from sentinels(inner)
        case float():
            yield str(value)
        case str() if MARK in value:
            yield value
        case _:
            pass
