"""The request bodies of checkout, as far as the sandbox reads them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from service.sandbox.bodies import Moment, Text
from service.sandbox.custom_data import AskedData
from service.sandbox.items import Channel

Count = Annotated[int, Field(ge=1, le=1000)]
Cents = Annotated[int, Field(ge=0, le=10**10)]


class _Body(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        coerce_numbers_to_str=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


class CartItem(_Body):
    """What goes into a cart; without a price it costs what the catalogue says."""

    id: Text
    quantity: Count = 1
    seller: Text = "1"
    price: Cents | None = None


class ClientProfile(_Body):
    """Who buys."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    document: str | None = None
    phone: str | None = None


class Address(_Body):
    """Where it goes."""

    address_id: str | None = None
    street: str | None = None
    number: str | None = None
    neighborhood: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


class ChosenDelivery(_Body):
    """How one item should travel."""

    item_index: Annotated[int, Field(ge=0)]
    selected_sla: str | None = None
    selected_delivery_channel: Channel | None = None
    shipping_estimate: str | None = None
    shipping_estimate_date: Moment | None = None
    price: Cents | None = None


class Shipping(_Body):
    """Where and how everything travels."""

    address: Address | None = None
    logistics_info: tuple[ChosenDelivery, ...] = ()


class Purchase(_Body):
    """An order to be placed; `paymentData` is taken as it is."""

    items: Annotated[tuple[CartItem, ...], Field(min_length=1, max_length=100)]
    client_profile_data: ClientProfile = ClientProfile()
    shipping_data: Shipping = Shipping()
    payment_data: dict[str, Any] | None = None
    custom_data: AskedData | None = None


class AddedItems(_Body):
    """What goes into a cart that exists."""

    order_items: Annotated[tuple[CartItem, ...], Field(min_length=1, max_length=100)]


class Transaction(_Body):
    """The start of a cart's payment; *reference_id* is the cart."""

    reference_id: str | None = None
    value: Cents | None = None


class OutsideOrder(Purchase):
    """An order that a marketplace outside VTEX sold."""

    marketplace_order_id: Annotated[
        Text, Field(max_length=50, pattern=r"^[A-Za-z0-9._-]+$")
    ]
    marketplace_order_status: Literal["NEW", "APPROVED"] = "NEW"


class OutsideStatus(_Body):
    """What became of an order at the marketplace outside that sold it."""

    marketplace_order_id: Text
    marketplace_order_status: Literal["APPROVED", "CANCELLED"]
