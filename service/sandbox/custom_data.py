"""What a store wants to know with an order: its apps' fields, and the order's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from typing_extensions import override

from service.sandbox.bodies import Text
from service.sandbox.calls import Call
from service.sandbox.keeping import Document, Kept
from service.sandbox.orders import CustomData, CustomField, Order
from service.sandbox.rules import Effect

_DATA: Final = TypeAdapter(CustomData)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Values(RootModel[dict[str, str]]):
    """Each field of an app, and its value."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class FieldValue(_Body):
    """The value of one field of an app."""

    value: str


class NewField(_Body):
    """A field of the order itself."""

    name: Text
    value: str
    ref_id: str | None = Field(None, alias="refId")


class App(_Body):
    """The fields of one app."""

    id: Text
    fields: dict[str, str]


class FieldGroup(_Body):
    """Fields of the order itself."""

    fields: tuple[NewField, ...] = ()


class AskedData(_Body):
    """Custom data that comes with a purchase."""

    apps: tuple[App, ...] | None = Field(None, alias="customApps")
    groups: tuple[FieldGroup, ...] | None = Field(None, alias="customFields")

    def data(self) -> CustomData:
        """Return it as an order holds it."""
        return CustomData(
            apps={app.id: app.fields for app in self.apps or ()},
            fields=tuple(
                _field(asked) for group in self.groups or () for asked in group.fields
            ),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A change of custom data, in an order or in a cart; *detail* is for the ledger."""

    apply: Callable[[CustomData], CustomData]
    detail: Mapping[str, object] = field(default_factory=dict)

    def call(self) -> Call:
        """Return the call that does it to an order."""
        return Call("custom-data", self._do)

    def _do(self, order: Order, at: datetime) -> Effect:
        changed = self.apply(order.custom)
        if changed == order.custom:
            return Effect(outcome="repeated", detail=self.detail)
        order.custom, order.changed_at = changed, at
        return Effect(detail=self.detail)


def set_values(app: str, values: Values) -> Change:
    """Give fields of *app* their values; the others keep theirs."""

    def apply(custom: CustomData) -> CustomData:
        known = {**custom.apps.get(app, {}), **values.root}
        return CustomData(apps={**custom.apps, app: known}, fields=custom.fields)

    return Change(apply, {"app": app, "fields": sorted(values.root)})


def remove_value(app: str, name: str) -> Change:
    """Take the value of one field of *app* away, if it has one."""

    def apply(custom: CustomData) -> CustomData:
        if name not in custom.apps.get(app, {}):
            return custom
        left = {other: v for other, v in custom.apps[app].items() if other != name}
        return CustomData(apps={**custom.apps, app: left}, fields=custom.fields)

    return Change(apply, {"app": app, "fields": [name]})


def set_field(asked: NewField) -> Change:
    """Give the order a field of its own; one of that name is replaced."""

    def apply(custom: CustomData) -> CustomData:
        others = (known for known in custom.fields if known.name != asked.name)
        return CustomData(apps=custom.apps, fields=(*others, _field(asked)))

    return Change(apply, {"field": asked.name})


def _field(asked: NewField) -> CustomField:
    return CustomField(name=asked.name, value=asked.value, ref_id=asked.ref_id)


class CartData(Kept):
    """The custom data of carts, until they become orders."""

    part = "custom-data"

    def __init__(self) -> None:
        self._data: dict[str, CustomData] = {}
        self._changed: set[str] = set()

    def of(self, cart: str) -> CustomData:
        """Return what is known of *cart*."""
        return self._data.get(cart, CustomData())

    def change(self, cart: str, change: Change) -> None:
        """Do *change* to the data of *cart*."""
        self._data[cart] = change.apply(self.of(cart))
        self._changed.add(cart)

    def take(self, cart: str) -> CustomData:
        """Return what is known of *cart*, and forget it."""
        self._changed.add(cart)
        return self._data.pop(cart, CustomData())

    @override
    def changes(self) -> Mapping[str, Document | None]:
        changed, self._changed = self._changed, set()
        return {
            cart: _DATA.dump_python(self._data[cart], mode="json")
            if cart in self._data
            else None
            for cart in changed
        }

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for cart, document in documents.items():
            self._data[cart] = _DATA.validate_python(document)
