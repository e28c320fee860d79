"""The operations of checkout under /api/checkout/pub: carts, orders, the payment's word."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json
from service.sandbox.checkout import Checkout
from service.sandbox.checkout_bodies import AddedItems, Purchase, Transaction
from service.sandbox.checkout_documents import (
    cart_document,
    placed_document,
    transaction_document,
)
from service.sandbox.endpoint import Endpoint
from service.sandbox.shapes import JsonObject

_CHECKOUT: Final = "/api/checkout/pub"
_CART: Final = _CHECKOUT + "/orderForm/{orderFormId}"


class CheckoutRoutes:
    """Place an order, at once or from a cart, and process it."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="PUT",
                path=f"{_CHECKOUT}/orders",
                handler=self._place,
                summary="Place purchase",
                tag="Checkout",
                rule="Each seller's items become orders of their own, incomplete until "
                "they are processed; what is not asked for is invented.",
                body=Purchase,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
            ),
            Endpoint(
                method="POST",
                path=f"{_CHECKOUT}/orderForm",
                handler=self._open,
                summary="Open cart",
                tag="Checkout",
                rule="An empty one.",
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path=_CART,
                handler=self._show,
                summary="Get cart",
                tag="Checkout",
                rule="What is in it, and what it costs.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_CART}/items",
                handler=self._add,
                summary="Add items to cart",
                tag="Checkout",
                rule="What is in the catalogue costs what it costs there.",
                body=AddedItems,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_CART}/transaction",
                handler=self._buy,
                summary="Place order from cart",
                tag="Checkout",
                rule="The cart is empty after it; the orders wait to be processed.",
                body=Transaction,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_CHECKOUT}/gatewayCallback/{{orderGroup}}",
                handler=self._process,
                summary="Process purchase",
                tag="Checkout",
                rule="The orders of the purchase begin; again changes nothing.",
                status=HTTPStatus.NO_CONTENT,
                errors=(404,),
            ),
        ]

    async def _place(self, request: web.Request) -> web.Response:
        """Place a purchase."""
        purchase = await read_json(Purchase, request)
        orders = self._checkout.place(request[CALLER], purchase)
        return answer(placed_document(orders), status=HTTPStatus.CREATED)

    async def _open(self, request: web.Request) -> web.Response:
        """Open a cart."""
        return self._cart(request, self._checkout.open_cart(request[CALLER].account))

    async def _show(self, request: web.Request) -> web.Response:
        """Get a cart."""
        return self._cart(request, request.match_info["orderFormId"])

    async def _add(self, request: web.Request) -> web.Response:
        """Add items to a cart."""
        added = await read_json(AddedItems, request)
        cart = request.match_info["orderFormId"]
        self._checkout.add(request[CALLER].account, cart, added.order_items)
        return self._cart(request, cart)

    async def _buy(self, request: web.Request) -> web.Response:
        """Place an order from a cart."""
        await read_json(Transaction, request)
        cart = request.match_info["orderFormId"]
        orders = self._checkout.buy_cart(request[CALLER], cart)
        return answer(transaction_document(orders, cart), status=HTTPStatus.CREATED)

    async def _process(self, request: web.Request) -> web.Response:
        """Process a purchase."""
        group = request.match_info["orderGroup"]
        self._checkout.process(request[CALLER].account, group)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _cart(self, request: web.Request, cart: str) -> web.Response:
        items = self._checkout.cart(request[CALLER].account, cart)
        return answer(cart_document(cart, items, self._checkout.custom.of(cart)))
