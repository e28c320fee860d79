"""The custom data of an order, by the cart that it came from."""

from typing import Final

from aiohttp import web

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json
from service.sandbox.checkout import Checkout
from service.sandbox.checkout_documents import cart_document
from service.sandbox.custom_data import (
    Change,
    FieldValue,
    NewField,
    Values,
    remove_value,
    set_field,
    set_values,
)
from service.sandbox.document import order_document
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms
from service.sandbox.shapes import JsonObject

_FORM: Final = "/api/checkout/pub/orderForm/{orderFormId}"
_APP: Final = _FORM + "/customData/{appId}"
_FIELD: Final = _APP + "/{appFieldName}"
_PREFIX: Final = "orderform-"
_TAG: Final = "Custom data"
_RULE: Final = "Of a cart, or of the order that an orderForm became; any app will do, unknown or not."


class CustomDataRoutes:
    """Set and remove custom fields, of carts and of what Get order calls orderForms."""

    def __init__(self, oms: Oms, checkout: Checkout) -> None:
        self._oms = oms
        self._checkout = checkout

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="PUT",
                path=_APP,
                handler=self._set_all,
                summary="Set custom data",
                tag=_TAG,
                vtex="Set multiple custom field values",
                rule=_RULE,
                body=Values,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="PUT",
                path=_FIELD,
                handler=self._set_one,
                summary="Set custom data of one field",
                tag=_TAG,
                vtex="Set single custom field value",
                rule=_RULE,
                body=FieldValue,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="DELETE",
                path=_FIELD,
                handler=self._remove,
                summary="Remove custom data of one field",
                tag=_TAG,
                vtex="Remove single custom field value",
                rule="What is not there is not missed.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="PUT",
                path=f"{_FORM}/customFields/order",
                handler=self._attach,
                summary="Add custom field to order",
                tag=_TAG,
                vtex="Add order custom field",
                rule="One of the same name is replaced.",
                body=NewField,
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    async def _set_all(self, request: web.Request) -> web.Response:
        """Give fields of an app their values."""
        values = await read_json(Values, request)
        return self._changed(request, set_values(request.match_info["appId"], values))

    async def _set_one(self, request: web.Request) -> web.Response:
        """Give one field of an app its value."""
        body = await read_json(FieldValue, request)
        match = request.match_info
        values = Values({match["appFieldName"]: body.value})
        return self._changed(request, set_values(match["appId"], values))

    async def _remove(self, request: web.Request) -> web.Response:
        """Take the value of one field of an app away."""
        match = request.match_info
        change = remove_value(match["appId"], match["appFieldName"])
        return self._changed(request, change)

    async def _attach(self, request: web.Request) -> web.Response:
        """Give the order a field of its own."""
        field = await read_json(NewField, request)
        return self._changed(request, set_field(field))

    def _changed(self, request: web.Request, change: Change) -> web.Response:
        caller, form = request[CALLER], request.match_info["orderFormId"]
        if not form.startswith(_PREFIX):
            items = self._checkout.cart(caller.account, form)
            self._checkout.custom.change(form, change)
            return answer(cart_document(form, items, self._checkout.custom.of(form)))
        order = self._oms.order(caller.account, f"seq{form.removeprefix(_PREFIX)}")
        self._oms.carry_out(caller, order.order_id, change.call())
        document = order_document(order)
        shown = ("orderFormId", "salesChannel", "value", "customData")
        return answer({name: document[name] for name in shown})
