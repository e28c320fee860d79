"""The operations on single orders under /api/oms/pvt/orders."""

from aiohttp import web

from service.sandbox import calls
from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body, receipt_answer
from service.sandbox.document import order_document
from service.sandbox.oms import Oms, Receipt

_ORDER = "/api/oms/pvt/orders/{orderId}"
_INVOICE = _ORDER + "/invoice/{invoiceNumber}"


class OrdersRoutes:
    """Get order, start handling, invoice, tracking, cancel."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(_ORDER, self._get),
            web.post(f"{_ORDER}/start-handling", self._start_handling),
            web.post(f"{_ORDER}/cancel", self._cancel),
            web.post(f"{_ORDER}/invoice", self._invoice),
            web.patch(_INVOICE, self._assign_tracking_number),
            web.put(f"{_INVOICE}/tracking", self._report_tracking),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        account = request[CALLER].account
        order = self._oms.order(account, request.match_info["orderId"])
        return answer(order_document(order))

    async def _start_handling(self, request: web.Request) -> web.Response:
        self._carry_out(request, calls.START_HANDLING)
        return web.Response(status=204)

    async def _cancel(self, request: web.Request) -> web.Response:
        call = calls.cancel(await json_body(request))
        return receipt_answer(self._carry_out(request, call))

    async def _invoice(self, request: web.Request) -> web.Response:
        call = calls.invoice(await json_body(request))
        return receipt_answer(self._carry_out(request, call))

    async def _assign_tracking_number(self, request: web.Request) -> web.Response:
        call = calls.assign_tracking_number(
            request.match_info["invoiceNumber"], await json_body(request)
        )
        return receipt_answer(self._carry_out(request, call))

    async def _report_tracking(self, request: web.Request) -> web.Response:
        call = calls.report_tracking(
            request.match_info["invoiceNumber"], await json_body(request)
        )
        return receipt_answer(self._carry_out(request, call))

    def _carry_out(self, request: web.Request, call: calls.Call) -> Receipt:
        order_id = request.match_info["orderId"]
        return self._oms.carry_out(request[CALLER], order_id, call)
