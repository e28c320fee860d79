"""The operations by which a marketplace outside VTEX sends its orders."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json
from service.sandbox.checkout_bodies import OutsideOrder, OutsideStatus
from service.sandbox.endpoint import Endpoint
from service.sandbox.integration import Integration
from service.sandbox.orders import Order
from service.sandbox.shapes import JsonObject

_ORDERS: Final = "/api/order-integration/orders"


class IntegrationRoutes:
    """Send an order, and what became of it."""

    def __init__(self, integration: Integration) -> None:
        self._integration = integration

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path=_ORDERS,
                handler=self._place,
                summary="Send outside order",
                tag="Checkout",
                rule="Own items are fulfilled, those of other sellers make a chain; "
                "a repetition changes nothing.",
                body=OutsideOrder,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
            ),
            Endpoint(
                method="PUT",
                path=f"{_ORDERS}/status",
                handler=self._update,
                summary="Update outside order",
                tag="Checkout",
                rule="`EOI008` before the order waits for its payment, `EOI009` after.",
                body=OutsideStatus,
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    async def _place(self, request: web.Request) -> web.Response:
        """Send an order that was sold outside."""
        order = await read_json(OutsideOrder, request)
        placed = self._integration.place(request[CALLER], order)
        return answer(_told(placed, "PlaceOrder"), status=HTTPStatus.CREATED)

    async def _update(self, request: web.Request) -> web.Response:
        """Tell what became of an order that was sold outside."""
        status = await read_json(OutsideStatus, request)
        orders = self._integration.update(request[CALLER], status)
        return answer(_told(orders, "AuthorizeOrder"))


def _told(orders: Sequence[Order], flow: str) -> dict[str, object]:
    return {
        "accountName": orders[0].account,
        "code": "SUCCESS",
        "flow": flow,
        "success": True,
        "errors": [],
        "fields": {
            "mainOrderId": orders[0].order_id,
            "franchiseOrderId": orders[0].twin or "",
        },
    }
