"""The operations on single orders under /api/oms/pvt/orders."""

from aiohttp import web

from service.sandbox import calls
from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body, receipt_answer
from service.sandbox.bodies import (
    CancelRequest,
    Denial,
    InvoiceNotice,
    TrackingNumber,
    TrackingUpdate,
)
from service.sandbox.document import order_document
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms, Receipt
from service.sandbox.shapes import JsonObject, ReceiptAnswer

_ORDER = "/api/oms/pvt/orders/{orderId}"
_INVOICE = _ORDER + "/invoice/{invoiceNumber}"


class OrdersRoutes:
    """Get order, start handling, invoice, tracking, cancel."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=_ORDER,
                handler=self._get,
                summary="Get order",
                tag="Orders",
                vtex="Get order",
                rule="The whole order as it stands now, by its id or its `seq…` number.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_ORDER}/start-handling",
                handler=self._start_handling,
                summary="Start handling",
                tag="Orders",
                vtex="Start handling order",
                rule="From `ready-for-handling` alone; `OMS003` at any other time.",
                status=204,
                errors=(404, 409),
            ),
            Endpoint(
                method="POST",
                path=f"{_ORDER}/cancel",
                handler=self._cancel,
                summary="Cancel order",
                tag="Orders",
                vtex="Cancel order",
                rule="At once before handling, by asking twice from then on; never once "
                "anything is invoiced.",
                body=CancelRequest,
                answer=ReceiptAnswer,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/api/orders/pvt/document/{orderId}/deny-cancellation-request",
                handler=self._deny_cancellation,
                summary="Deny cancellation",
                tag="Orders",
                rule="With the request's id from `cancellationRequests` of the seller's "
                "order, which goes back to where it was.",
                body=Denial,
                answer=ReceiptAnswer,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_ORDER}/invoice",
                handler=self._invoice,
                summary="Invoice order",
                tag="Invoice",
                vtex="Order invoice notification",
                rule="Parts bounce back to `handling`; the order is `invoiced` once they "
                "add up to its value; a number that is there already changes nothing.",
                body=InvoiceNotice,
                answer=ReceiptAnswer,
                errors=(404,),
            ),
            Endpoint(
                method="PATCH",
                path=_INVOICE,
                handler=self._assign_tracking_number,
                summary="Assign tracking number",
                tag="Invoice",
                vtex="Update order's partial invoice (send tracking number)",
                rule="The package of that invoice gets its carrier and its number.",
                body=TrackingNumber,
                answer=ReceiptAnswer,
                errors=(404, 500),
            ),
            Endpoint(
                method="PUT",
                path=f"{_INVOICE}/tracking",
                handler=self._report_tracking,
                summary="Report tracking",
                tag="Tracking",
                vtex="Update order tracking status",
                rule="Needs a tracking number; tells where the package was seen and "
                "whether it was delivered.",
                body=TrackingUpdate,
                answer=ReceiptAnswer,
                errors=(404, 500),
            ),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        """Get order."""
        account = request[CALLER].account
        order = self._oms.order(account, request.match_info["orderId"])
        return answer(order_document(order))

    async def _start_handling(self, request: web.Request) -> web.Response:
        """Start handling."""
        self._carry_out(request, calls.START_HANDLING)
        return web.Response(status=204)

    async def _cancel(self, request: web.Request) -> web.Response:
        """Cancel order."""
        call = calls.cancel(await json_body(request))
        return receipt_answer(self._carry_out(request, call))

    async def _deny_cancellation(self, request: web.Request) -> web.Response:
        """Deny a cancellation that was asked for."""
        call = calls.deny_cancellation(await json_body(request))
        caller, order_id = request[CALLER], request.match_info["orderId"]
        order = self._oms.order(caller.account, order_id)
        # Of a sale it is the seller who decides, whosever id is named.
        decider = order.twin if order.twin and order.flow != "seller" else order_id
        return receipt_answer(self._oms.carry_out(caller, decider, call))

    async def _invoice(self, request: web.Request) -> web.Response:
        """Attach an invoice."""
        call = calls.invoice(await json_body(request))
        return receipt_answer(self._carry_out(request, call))

    async def _assign_tracking_number(self, request: web.Request) -> web.Response:
        """Give an invoiced package its tracking number."""
        call = calls.assign_tracking_number(
            request.match_info["invoiceNumber"], await json_body(request)
        )
        return receipt_answer(self._carry_out(request, call))

    async def _report_tracking(self, request: web.Request) -> web.Response:
        """Tell where a package is."""
        call = calls.report_tracking(
            request.match_info["invoiceNumber"], await json_body(request)
        )
        return receipt_answer(self._carry_out(request, call))

    def _carry_out(self, request: web.Request, call: calls.Call) -> Receipt:
        order_id = request.match_info["orderId"]
        return self._oms.carry_out(request[CALLER], order_id, call)
