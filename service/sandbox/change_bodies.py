"""The request bodies of order changes, as far as the OMS reads them."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.sandbox.bodies import Text
from service.sandbox.change_settings import ModificationSettings
from service.sandbox.items import Channel

Cents = Annotated[int, Field(ge=0, lt=2**31)]
Quantity = Annotated[int, Field(gt=0, le=1_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        coerce_numbers_to_str=True,
    )


class RegisteredLine(_Body):
    """A SKU with the cents that one unit of it counts for, and how many."""

    id: Text
    price: Cents
    quantity: Quantity


class ChangeRegistration(_Body):
    """A change of the first version: its author says what it is worth."""

    request_id: Text = Field(alias="requestId")
    reason: Text
    discount_value: Cents = Field(alias="discountValue")
    increment_value: Cents = Field(alias="incrementValue")
    items_removed: tuple[RegisteredLine, ...] | None = Field(None, alias="itemsRemoved")
    items_added: tuple[RegisteredLine, ...] | None = Field(None, alias="itemsAdded")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        moves_items = self.items_added or self.items_removed
        if not moves_items and self.discount_value == self.increment_value:
            raise ValueError("neither the items nor the value would change")
        return self


class TakenLine(_Body):
    """Units of an order's line; a `uniqueId` tells lines of the same SKU apart."""

    id: Text
    unique_id: Text | None = Field(None, alias="uniqueId")
    quantity: Quantity
    price: Cents | None = None


class TakenItems(_Body):
    """What goes out of an order."""

    items: Annotated[tuple[TakenLine, ...], Field(min_length=1)]


class ClientProfile(_Body):
    """What becomes of the shopper's data; what is left out stays."""

    first_name: str | None = Field(None, alias="firstName")
    last_name: str | None = Field(None, alias="lastName")
    document: str | None = None
    phone: str | None = None


class PutLine(TakenLine):
    """Units that come into an order."""

    measurement_unit: str | None = Field(None, alias="measurementUnit")
    unit_multiplier: float | None = Field(None, alias="unitMultiplier")
    manual_discount_value: Cents = Field(0, alias="manualDiscountValue")
    manual_increment_value: Cents = Field(0, alias="manualIncrementValue")
    client_profile_data: tuple[ClientProfile, ...] | None = Field(
        None, alias="clientProfileData"
    )


class LogisticsChoice(_Body):
    """How one of the lines that come in travels."""

    item_index: Annotated[int, Field(ge=0)] = Field(alias="itemIndex")
    selected_sla: Text = Field(alias="selectedSla")
    selected_delivery_channel: Channel = Field(alias="selectedDeliveryChannel")
    address_id: Text = Field(alias="addressId")
    price: Cents


class ShippingChoice(_Body):
    """How the lines that come in travel."""

    logistics_info: tuple[LogisticsChoice, ...] = Field(alias="logisticsInfo")


class PutItems(_Body):
    """What comes into an order."""

    items: Annotated[tuple[PutLine, ...], Field(min_length=1)]
    shipping_data: ShippingChoice | None = Field(None, alias="shippingData")

    def choice(self, index: int) -> LogisticsChoice | None:
        """Say how the line at *index* is to travel; None: nobody chose."""
        chosen = self.shipping_data.logistics_info if self.shipping_data else ()
        return next((c for c in chosen if c.item_index == index), None)


class Replacement(_Body):
    """What goes out, and what comes in for it."""

    taken: TakenItems = Field(alias="from")
    put: PutItems = Field(alias="to")


class ChangeWish(_Body):
    """A change of the second version: the OMS works out what it is worth."""

    reason: Text
    add: PutItems | None = None
    remove: TakenItems | None = None
    replace: tuple[Replacement, ...] | None = None
    manual_discount_value: Cents = Field(0, alias="manualDiscountValue")
    manual_increment_value: Cents = Field(0, alias="manualIncrementValue")
    settings: ModificationSettings | None = None

    def lines_put(self) -> list[PutLine]:
        """Return every line that comes in."""
        parts = [self.add, *(replacement.put for replacement in self.replace or ())]
        return [line for part in parts if part is not None for line in part.items]

    @property
    def discount(self) -> int:
        on_lines = sum(line.manual_discount_value for line in self.lines_put())
        return self.manual_discount_value + on_lines

    @property
    def increment(self) -> int:
        on_lines = sum(line.manual_increment_value for line in self.lines_put())
        return self.manual_increment_value + on_lines


class ChangeCancelRequest(_Body):
    """Why nobody should try a stopped change again."""

    reason: Text


class SellerWindow(_Body):
    """How many days another seller may take over an order that its own cancelled."""

    waiting_time: Annotated[int, Field(ge=0, le=3650)] = Field(alias="waitingTime")
