"""Reading VTEX's Get order."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from service.domain.document import (
    Item,
    OrderDocument,
    PackageItem,
    document_hash,
    normalise,
)
from service.errors import UnreadableOrderError

Raw = dict[str, object]

_ADDRESS: Raw = {
    "addressType": "residential",
    "receiverName": "PERSONAL receiver",
    "addressId": "PERSONAL address id",
    "postalCode": "PERSONAL postal code",
    "city": "PERSONAL city",
    "state": "PERSONAL state",
    "street": "PERSONAL street",
    "number": "PERSONAL number",
    "neighborhood": "PERSONAL neighborhood",
    "complement": "PERSONAL complement",
    "reference": "PERSONAL reference",
    "geoCoordinates": [-43.18218231201172, -22.94549],
}


def full_order() -> Raw:
    """Return a whole order, each personal value marked as such."""
    return {
        "orderId": "1000000000001-01",
        "sequence": "500001",
        "orderGroup": "1000000000001",
        "marketplaceOrderId": "1000000000001-01",
        "origin": "Fulfillment",
        "affiliateId": "MNC",
        "salesChannel": "1",
        "status": "invoiced",
        "creationDate": "2026-03-02T12:00:00.1234567+00:00",
        "lastChange": "2026-03-02T13:00:00.0000000Z",
        "authorizedDate": "2026-03-02T09:05:00-03:00",
        "invoicedDate": None,
        "isCompleted": True,
        "workflowIsInError": False,
        "allowCancellation": False,
        "value": 2150,
        "followUpEmail": "PERSONAL e-mail",
        "lastMessage": "PERSONAL last message",
        "openTextField": {"value": "PERSONAL note"},
        "storePreferencesData": {"currencyCode": "BRL", "timeZone": "x"},
        "totals": [{"id": "Items", "name": "Items", "value": 2000}],
        "clientProfileData": {
            "email": "PERSONAL e-mail",
            "firstName": "PERSONAL first name",
            "lastName": "PERSONAL last name",
            "document": "PERSONAL document",
            "phone": "PERSONAL phone",
            "corporateName": "PERSONAL corporate name",
            "userProfileId": "PERSONAL profile",
        },
        "giftRegistryData": {"description": "PERSONAL gift list"},
        "contextData": {"userId": "PERSONAL user"},
        "customData": {"customFields": [{"fields": [{"value": "PERSONAL field"}]}]},
        "invoiceData": {
            "address": _ADDRESS,
            "invoiceSubject": {"email": "PERSONAL e-mail"},
        },
        "paymentData": {
            "transactions": [
                {
                    "payments": [
                        {
                            "cardHolder": "PERSONAL card holder",
                            "lastDigits": "PERSONAL digits",
                            "billingAddress": _ADDRESS,
                        }
                    ]
                }
            ]
        },
        "items": [
            {
                "uniqueId": "U1",
                "id": "100",
                "productId": "P1",
                "name": "Mug",
                "quantity": 2,
                "price": 1000,
                "sellingPrice": 900,
                "seller": "1",
                "attachments": [{"content": {"message": "PERSONAL gift message"}}],
                "itemAttachment": {"content": {"text": "PERSONAL engraving"}},
            }
        ],
        "shippingData": {
            "address": _ADDRESS,
            "selectedAddresses": [_ADDRESS],
            "contactInformation": [{"email": "PERSONAL contact"}],
            "logisticsInfo": [
                {
                    "itemIndex": 0,
                    "selectedSla": "Normal",
                    "selectedDeliveryChannel": "pickup-in-point",
                    "shippingEstimate": "3bd",
                    "shippingEstimateDate": "03/05/2026 18:30:00",
                    "deliveryCompany": "Correios",
                    "addressId": "PERSONAL address id",
                    "pickupPointId": "P1",
                    "pickupStoreInfo": {"address": _ADDRESS},
                    "slas": [{"id": "Normal", "pickupStoreInfo": _ADDRESS}],
                }
            ],
        },
        "packageAttachment": {
            "packages": [
                {
                    "items": [{"itemIndex": 0, "quantity": 2, "description": "x"}],
                    "courier": "Correios",
                    "invoiceNumber": " 900 ",
                    "invoiceValue": 2150.0,
                    "issuanceDate": "2026-03-02 12:30",
                    "trackingNumber": "BR1",
                    "trackingUrl": "https://track.example/BR1",
                    "type": "Output",
                    "embeddedInvoice": "PERSONAL invoice document",
                    "courierStatus": {
                        "status": "ok",
                        "finished": False,
                        "deliveredDate": "",
                        "data": [
                            {
                                "lastChange": None,
                                "createDate": "2026-03-03T08:00:00Z",
                                "city": "Recife",
                                "state": "PE",
                                "description": "Objeto postado",
                            }
                        ],
                    },
                }
            ]
        },
        "cancellationData": {
            "RequestedByUser": True,
            "RequestedBySystem": None,
            "Reason": "Out of stock",
            "CancellationDate": "2026-03-04T08:00:00Z",
        },
    }


def _order(**fields: object) -> Mapping[str, object]:
    return {"orderId": "1-01", **fields}


def _with_packages(*packages: object) -> OrderDocument:
    return normalise(_order(packageAttachment={"packages": list(packages)}))


class TestNormalise:
    def test_keeps_what_it_lists(self) -> None:
        """A whole order comes through with every field that we keep."""
        order = normalise(full_order())

        assert order.affiliate == "MNC"
        assert order.currency == "BRL"
        assert order.value == 2150
        assert order.totals[0].value == 2000
        assert order.items[0].selling_price == 900
        assert order.logistics[0].delivery_channel == "pickup-in-point"
        assert order.packages[0].invoice_number == "900"
        assert order.packages[0].invoice_value == 2150
        assert order.packages[0].items == (PackageItem(item_index=0, quantity=2),)
        assert order.cancellation is not None
        assert order.cancellation.by_user
        assert not order.cancellation.by_system

    def test_drops_personal_data(self) -> None:
        """No value that tells of a person survives."""
        raw = json.dumps(full_order())

        kept = normalise(full_order()).model_dump_json()

        assert raw.count("PERSONAL") > 30
        assert "PERSONAL" not in kept
        assert "43.18" not in kept

    def test_reads_every_date_format(self) -> None:
        """ISO 8601 with an offset or Z, without a zone, and the US format are read."""
        order = normalise(full_order())

        assert order.creation_date == datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
        assert order.last_change == datetime(2026, 3, 2, 13, tzinfo=UTC)
        assert order.authorized_date == datetime(2026, 3, 2, 12, 5, tzinfo=UTC)
        assert order.packages[0].issuance_date == datetime(
            2026, 3, 2, 12, 30, tzinfo=UTC
        )
        assert order.logistics[0].shipping_estimate_date == datetime(
            2026, 3, 5, 18, 30, tzinfo=UTC
        )

    @pytest.mark.parametrize(
        "date", ["soon", "", 5, None, [], "0001-01-01T00:00:00+14:00", "13/13/2026 1:1"]
    )
    def test_unreadable_date(self, date: object) -> None:
        """A date that cannot be read is no date."""
        assert normalise(_order(lastChange=date)).last_change is None

    def test_only_an_order_id(self) -> None:
        """An order of which nothing is known but its id is read."""
        assert normalise(_order()) == OrderDocument(order_id="1-01")

    def test_nulls_everywhere(self) -> None:
        """An order whose every field is null is read as one without fields."""
        raw = dict.fromkeys(full_order())

        assert normalise({**raw, "orderId": "1-01"}) == OrderDocument(order_id="1-01")

    @pytest.mark.parametrize("odd", [7, "x", True, [7, None, "x", []], {"a": {}}, -1.5])
    def test_wrong_types(self, odd: object) -> None:
        """Sections of the wrong type are left out."""
        raw = dict.fromkeys(full_order(), odd)

        order = normalise({**raw, "orderId": "1-01"})

        assert order.packages == ()
        assert order.logistics == ()
        assert order.totals == ()
        assert order.last_change is None

    def test_odd_item_keeps_its_place(self) -> None:
        """An unreadable item still takes a place, as packages refer to it by place."""
        order = normalise(_order(items=[None, {"id": 7, "quantity": "two"}]))

        assert len(order.items) == 2
        assert order.items[1].id == "7"
        assert order.items[1].quantity == 0

    def test_logistics_without_index(self) -> None:
        """Logistics without an item index belong to the item at their place."""
        order = normalise(_order(shippingData={"logisticsInfo": [{}, {}]}))

        assert [row.item_index for row in order.logistics] == [0, 1]

    def test_channel_of_selected_sla(self) -> None:
        """Where the channel is missing, the selected SLA tells it."""
        slas = [
            {"id": "Fast", "deliveryChannel": "delivery"},
            {"id": "Store", "deliveryChannel": "pickup-in-point"},
        ]
        rows = [{"itemIndex": 0, "selectedSla": "Store", "slas": slas}]

        order = normalise(_order(shippingData={"logisticsInfo": rows}))

        assert order.logistics[0].delivery_channel == "pickup-in-point"

    def test_odd_packages(self) -> None:
        """Packages with missing or odd parts are read as far as they go."""
        order = _with_packages(
            None,
            {"items": None, "courierStatus": None},
            {"items": [{"quantity": 1}, {"itemIndex": 0, "quantity": -2}]},
            {"courierStatus": {"finished": "yes", "data": [None]}},
        )

        assert len(order.packages) == 3
        assert order.packages[1].items == (PackageItem(item_index=0, quantity=0),)
        status = order.packages[2].courier_status
        assert status is not None
        assert not status.finished
        assert len(status.data) == 1

    def test_date_of_a_checkpoint(self) -> None:
        """A checkpoint's last change counts, before its creation."""
        dates = {"lastChange": "2026-03-04", "createDate": "2026-03-03"}
        order = _with_packages({"courierStatus": {"data": [dates]}})

        status = order.packages[0].courier_status

        assert status is not None
        assert status.data[0].at == datetime(2026, 3, 4, tzinfo=UTC)

    def test_text_that_no_database_takes(self) -> None:
        """NUL and lone surrogates are taken out of text."""
        order = normalise(_order(items=[{"name": "Mug\0 \ud800"}]))

        assert order.items[0].name == "Mug ?"

    def test_numbers_that_no_database_takes(self) -> None:
        """Numbers beyond 64 bits, and those that are none, are left out."""
        for odd in (2**63, float("inf"), float("nan"), True, "12"):
            assert normalise(_order(value=odd)).value is None

    def test_cancel_reason_alone(self) -> None:
        """A reason outside the cancellation data is kept as well."""
        order = normalise(_order(cancelReason="Fraud"))

        assert order.cancellation is not None
        assert order.cancellation.reason == "Fraud"

    @pytest.mark.parametrize("raw", [None, [], "order", 7, {}, {"orderId": " "}])
    def test_no_order(self, raw: object) -> None:
        """What is not an object with an orderId is refused."""
        with pytest.raises(UnreadableOrderError):
            normalise(raw)  # type: ignore[arg-type] # that is the point


class TestDocumentHash:
    def test_same_content(self) -> None:
        """The same content has the same hash, in whichever order VTEX sends it."""
        turned = dict(reversed(full_order().items()))

        assert document_hash(normalise(full_order())) == document_hash(
            normalise(turned)
        )

    @pytest.mark.parametrize(
        "name",
        [
            "Camiseta",
            "Caf\u00e9",
            "\u65e5\u672c",
            "\U0001f455 \x7f",
            '"\\\b\x1b\n\u2028',
        ],
    )
    def test_is_of_canonical_json(self, name: str) -> None:
        """Anybody can compute it again: ASCII, sorted keys, no spaces."""
        document = OrderDocument(order_id="1-01", items=(Item(name=name, price=-1),))

        canonical = json.dumps(
            document.model_dump(mode="json"), sort_keys=True, separators=(",", ":")
        )
        assert document_hash(document) == sha256(canonical.encode()).hexdigest()

    def test_other_content(self) -> None:
        """Any change of what we keep changes the hash."""
        changed = {**full_order(), "status": "canceled"}

        assert document_hash(normalise(full_order())) != document_hash(
            normalise(changed)
        )

    def test_unkept_content(self) -> None:
        """A change of what we do not keep does not."""
        changed = {**full_order(), "followUpEmail": "another"}

        assert document_hash(normalise(full_order())) == document_hash(
            normalise(changed)
        )
