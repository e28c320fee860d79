"""The operations that change orders, of both versions, and tell of their changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body
from service.sandbox.change_bodies import (
    ChangeCancelRequest,
    ChangeRegistration,
    ChangeWish,
)
from service.sandbox.change_desk import Changes
from service.sandbox.change_documents import detailed, history, previewed, requested
from service.sandbox.change_refusals import ChangeUnknownError
from service.sandbox.change_steps import find_change
from service.sandbox.change_summary import summary
from service.sandbox.clock import moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.refusals import OrderUnknownError
from service.sandbox.shapes import JsonObject, ReceiptAnswer

_CHANGES = "/api/order-system/orders/{changeOrderId}/changes"
_CHANGE = _CHANGES + "/{changeRequestId}"
_TAG = "Order modifications"


class AccountQuery(BaseModel):
    """Names the account again; the credentials have named it already."""

    an: str | None = None


class _AccountNameQuery(BaseModel):
    accountName: str | None = None  # noqa: N815  # VTEX's word


class ChangeRoutes:
    """Register, request, preview, follow, retry and cancel changes."""

    def __init__(self, oms: Oms, changes: Changes) -> None:
        self._oms = oms
        self._changes = changes

    def endpoints(self) -> list[Endpoint]:
        return [*self._of_first_version(), *self._asking(), *self._telling()]

    def _of_first_version(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/oms/pvt/orders/{orderId}/changes",
                handler=self._register,
                summary="Register order change",
                tag="Orders",
                vtex="Register modifications on order",
                rule="At once, at most fifty for an order; the value moves by discount "
                "and increment alone; a requestId counts once; not after a change of "
                "the second version.",
                body=ChangeRegistration,
                answer=ReceiptAnswer,
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path="/api/orders/pvt/document/{orderId}/change-summary",
                handler=self._summary,
                summary="Get order change summary",
                tag=_TAG,
                vtex="Get order modifications summary",
                rule="What was bought, what came, went and was replaced, by changes of "
                "both versions.",
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    def _asking(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="PATCH",
                path=_CHANGES,
                handler=self._request,
                summary="Request order change",
                tag=_TAG,
                vtex="Create order modifications",
                rule="Step by step on the sandbox's clock, one at a time; refused at "
                "once where it cannot be done, canceled if an invoice gets in its way.",
                query=_AccountNameQuery,
                body=ChangeWish,
                answer=JsonObject,
                status=HTTPStatus.ACCEPTED,
                errors=(404, 409),
            ),
            Endpoint(
                method="POST",
                path=f"{_CHANGES}/preview",
                handler=self._preview,
                summary="Preview order change",
                tag=_TAG,
                vtex="Preview order modifications",
                rule="What the same request would do; nothing happens.",
                query=AccountQuery,
                body=ChangeWish,
                answer=JsonObject,
                errors=(404, 409),
            ),
            Endpoint(
                method="POST",
                path=f"{_CHANGE}/retry",
                handler=self._retry,
                summary="Retry order change",
                tag=_TAG,
                vtex="Retry order modifications",
                rule="Only one that stopped on an error; it goes on as it was asked "
                "for at first.",
                query=AccountQuery,
                body=ChangeWish,
                status=HTTPStatus.NO_CONTENT,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_CHANGE}/cancel",
                handler=self._cancel,
                summary="Cancel order change",
                tag=_TAG,
                vtex="Cancel order modifications",
                rule="Only one that stopped on an error; the order stays as it is.",
                query=AccountQuery,
                body=ChangeCancelRequest,
                errors=(404,),
            ),
        ]

    def _telling(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=_CHANGES,
                handler=self._history,
                summary="Get order change history",
                tag=_TAG,
                vtex="Get order modifications history",
                rule="Every change of the second version that is done, and its steps.",
                query=AccountQuery,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path=_CHANGE,
                handler=self._detail,
                summary="Get order change",
                tag=_TAG,
                vtex="Get order modifications details",
                rule="Its status, whether it is in progress or finished, what happened "
                "to it and why it was canceled.",
                query=AccountQuery,
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    async def _register(self, request: web.Request) -> web.Response:
        """Change an order at once."""
        order_id = request.match_info["orderId"]
        body = await json_body(request)
        change = self._changes.register(request[CALLER], order_id, body)
        return answer(
            {
                "date": moment(change.at),
                "orderId": order_id,
                "receipt": change.receipt,
            }
        )

    async def _summary(self, request: web.Request) -> web.Response:
        """Tell all changes of an order in one view."""
        account = request[CALLER].account
        return answer(summary(self._oms.order(account, request.match_info["orderId"])))

    async def _request(self, request: web.Request) -> web.Response:
        """Let an order be changed."""
        body = await json_body(request)
        with _found(request) as order_id:
            change = self._changes.request(request[CALLER], order_id, body)
        return answer(
            requested(self._order(request), change), status=HTTPStatus.ACCEPTED
        )

    async def _preview(self, request: web.Request) -> web.Response:
        """Tell what a change would do."""
        body = await json_body(request)
        with _found(request) as order_id:
            change = self._changes.preview(request[CALLER].account, order_id, body)
        return answer(previewed(self._order(request), change))

    async def _retry(self, request: web.Request) -> web.Response:
        """Try a change again that stopped on an error."""
        body = await json_body(request)
        change_id = request.match_info["changeRequestId"]
        with _found(request) as order_id:
            self._changes.retry(request[CALLER], order_id, change_id, body)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _cancel(self, request: web.Request) -> web.Response:
        """Give a change up that stopped on an error."""
        body = await json_body(request)
        change_id = request.match_info["changeRequestId"]
        with _found(request) as order_id:
            self._changes.cancel(request[CALLER], order_id, change_id, body)
        return web.Response(status=HTTPStatus.OK)

    async def _history(self, request: web.Request) -> web.Response:
        """Tell every change of an order that was carried out."""
        return answer(history(self._order(request)))

    async def _detail(self, request: web.Request) -> web.Response:
        """Tell how far a change is."""
        order = self._order(request)
        change = find_change(order, request.match_info["changeRequestId"])
        return answer(detailed(order, change))

    def _order(self, request: web.Request) -> Order:
        with _found(request) as order_id:
            return self._oms.order(request[CALLER].account, order_id)


@contextmanager
def _found(request: web.Request) -> Iterator[str]:
    # This service has a code of its own for an order that does not exist.
    order_id = request.match_info["changeOrderId"]
    try:
        yield order_id
    except OrderUnknownError as error:
        message = f"The account has no order {order_id}"
        raise ChangeUnknownError(message, code="CHK0201") from error
