"""Reading the persons of VTEX's Get order."""

import pytest

from private_kit import MARK, marked_order, sentinels
from service.private.customer import Contact, CustomerData, Profile, customer_data

LEFT_OUT = (
    "follow-up",
    "last-message",
    "open-text",
    "custom",
    "operator",
    "gift",
    "campaign",
    "userProfileId",
    "customerCode",
    "card-holder",
    "method",
    "holiday",
    "hint",
    "addressId",
    "invoice-recipient",
)


class TestCustomerData:
    def test_profile_and_addresses(self) -> None:
        """Who ordered, who receives, who is billed, and where."""
        found = customer_data(marked_order())

        assert found.profile.email == f"{MARK}-profile-email"
        assert found.profile.corporate_document == f"{MARK}-profile-corporateDocument"
        assert [at.street for at in found.delivery_addresses] == [
            f"{MARK}-home-street",
            f"{MARK}-office-street",
        ]
        assert found.delivery_addresses[0].coordinates == (-46.7171717, -23.5353535)
        assert [who.phone for who in found.contacts] == [f"{MARK}-contact-phone"]
        assert found.invoice_address is not None
        assert found.invoice_address.receiver_name == f"{MARK}-invoice-receiverName"

    def test_no_more_than_that(self) -> None:
        """What nobody needs is not kept: payments, other addresses, free text."""
        found = customer_data(marked_order()).model_dump_json()

        assert [words for words in LEFT_OUT if f"{MARK}-{words}" in found] == []
        assert "-34.8787878" not in found

    def test_masked_values(self) -> None:
        """What VTEX masks is kept as it is masked."""
        found = customer_data({"clientProfileData": {"firstName": "A**", "phone": "*"}})

        assert found.profile == Profile(first_name="A**", phone="*")

    @pytest.mark.parametrize(
        "order",
        [
            {},
            {"clientProfileData": None, "shippingData": [], "invoiceData": "x"},
            {"shippingData": {"address": None, "selectedAddresses": [None, 7, []]}},
            {"invoiceData": {"address": {}}, "shippingData": {"contactInformation": 1}},
        ],
    )
    def test_odd_orders(self, order: dict[str, object]) -> None:
        """What is not there, or not as it should be, is left out."""
        assert customer_data(order) == CustomerData()

    def test_odd_coordinates(self) -> None:
        """What is no place on earth is left out."""
        address = {"city": "Recife", "geoCoordinates": [-34.9, "x", None, 1e9]}

        (found,) = customer_data(
            {"shippingData": {"address": address}}
        ).delivery_addresses

        assert found.coordinates == (-34.9,)

    def test_shows_nothing_by_itself(self) -> None:
        """Whoever logs it by mistake logs nothing of it."""
        found = customer_data(marked_order())

        assert MARK not in f"{found!r} {found} {found.profile!r} {Contact(phone=MARK)}"
        assert list(sentinels(found.model_dump(mode="json")))
