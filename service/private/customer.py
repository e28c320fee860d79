"""Who an order is for: the personal data that VTEX's Get order holds, and we may keep."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from service.domain import raw


class _Personal(BaseModel):
    model_config = ConfigDict(frozen=True)

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Show nothing: a representation ends up in logs and tracebacks."""
        yield from ()


class Profile(_Personal):
    """Who placed the order."""

    email: str | None = None
    """As VTEX gives it: masked, where the account masks."""
    first_name: str | None = None
    last_name: str | None = None
    document_type: str | None = None
    document: str | None = None
    phone: str | None = None
    corporate_name: str | None = None
    trade_name: str | None = None
    corporate_document: str | None = None
    state_inscription: str | None = None
    corporate_phone: str | None = None


class Address(_Personal):
    """Where something is delivered, picked up or billed, and who receives it."""

    address_type: str | None = None
    """VTEX's word: residential, commercial, pickup, ..."""
    receiver_name: str | None = None
    postal_code: str | None = None
    street: str | None = None
    number: str | None = None
    complement: str | None = None
    reference: str | None = None
    neighborhood: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    coordinates: tuple[float, ...] = ()
    """Longitude and latitude, where VTEX knows them."""


class Contact(_Personal):
    """Somebody else to ask for at a delivery."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    document_type: str | None = None
    document: str | None = None
    phone: str | None = None


class CustomerData(_Personal):
    """The persons of an order, and where they are."""

    profile: Profile = Profile()
    delivery_addresses: tuple[Address, ...] = ()
    contacts: tuple[Contact, ...] = ()
    invoice_address: Address | None = None


def customer_data(order: Mapping[str, object]) -> CustomerData:
    """Read the persons of VTEX's Get order; what is odd is left out."""
    shipping = raw.mapping(order.get("shippingData"))
    invoice = raw.mapping(raw.mapping(order.get("invoiceData")).get("address"))
    # The first of the selected addresses is, as a rule, the one that stands alone.
    rows = [shipping.get("address"), *raw.entries(shipping.get("selectedAddresses"))]
    addresses = [_address(row) for row in map(raw.mapping, rows) if row]
    return CustomerData(
        profile=_profile(raw.mapping(order.get("clientProfileData"))),
        delivery_addresses=tuple(dict.fromkeys(addresses)),
        contacts=tuple(
            _contact(row)
            for row in map(raw.mapping, raw.entries(shipping.get("contactInformation")))
            if row
        ),
        invoice_address=_address(invoice) if invoice else None,
    )


def _profile(row: Mapping[str, object]) -> Profile:
    return Profile(
        email=raw.text(row.get("email")),
        first_name=raw.text(row.get("firstName")),
        last_name=raw.text(row.get("lastName")),
        document_type=raw.text(row.get("documentType")),
        document=raw.text(row.get("document")),
        phone=raw.text(row.get("phone")),
        corporate_name=raw.text(row.get("corporateName")),
        trade_name=raw.text(row.get("tradeName")),
        corporate_document=raw.text(row.get("corporateDocument")),
        state_inscription=raw.text(row.get("stateInscription")),
        corporate_phone=raw.text(row.get("corporatePhone")),
    )


def _address(row: Mapping[str, object]) -> Address:
    return Address(
        address_type=raw.text(row.get("addressType")),
        receiver_name=raw.text(row.get("receiverName")),
        postal_code=raw.text(row.get("postalCode")),
        street=raw.text(row.get("street")),
        number=raw.text(row.get("number")),
        complement=raw.text(row.get("complement")),
        reference=raw.text(row.get("reference")),
        neighborhood=raw.text(row.get("neighborhood")),
        city=raw.text(row.get("city")),
        state=raw.text(row.get("state")),
        country=raw.text(row.get("country")),
        coordinates=_coordinates(raw.entries(row.get("geoCoordinates"))),
    )


def _coordinates(values: Sequence[object]) -> tuple[float, ...]:
    return tuple(
        float(value)
        for value in values
        if isinstance(value, int | float) and abs(value) <= 180  # noqa: PLR2004 - degrees
    )


def _contact(row: Mapping[str, object]) -> Contact:
    return Contact(
        email=raw.text(row.get("email")),
        first_name=raw.text(row.get("firstName")),
        last_name=raw.text(row.get("lastName")),
        document_type=raw.text(row.get("documentType")),
        document=raw.text(row.get("document")),
        phone=raw.text(row.get("phone")),
    )
