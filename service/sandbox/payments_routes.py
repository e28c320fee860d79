"""The payment of an order: ask for it, and say that it was made."""

from typing import Final

from aiohttp import web

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms
from service.sandbox.payments import notify_payment, transaction_document
from service.sandbox.shapes import JsonObject

_ORDER: Final = "/api/oms/pvt/orders/{orderId}"


class PaymentsRoutes:
    """The transaction, and the notification."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=f"{_ORDER}/payment-transaction",
                handler=self._transaction,
                summary="Get payment transaction",
                tag="Payment",
                vtex="Retrieve payment transaction",
                rule="Of the marketplace's order alone; its status follows the order's.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_ORDER}/payments/{{paymentId}}/payment-notification",
                handler=self._notify,
                summary="Notify payment",
                tag="Payment",
                vtex="Send payment notification",
                rule="Moves an order on from `payment-pending`; once it is paid, the "
                "notification changes nothing.",
                errors=(400, 404),
            ),
        ]

    async def _transaction(self, request: web.Request) -> web.Response:
        """Show the transaction of an order."""
        account = request[CALLER].account
        order = self._oms.order(account, request.match_info["orderId"])
        return answer(transaction_document(order))

    async def _notify(self, request: web.Request) -> web.Response:
        """Say that a payment was made."""
        match = request.match_info
        call = notify_payment(match["paymentId"])
        self._oms.carry_out(request[CALLER], match["orderId"], call)
        return web.Response()
