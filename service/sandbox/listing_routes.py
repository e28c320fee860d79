"""The lists of orders: the store's, a customer's and a purchase's."""

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_query
from service.sandbox.document_variants import group_document, user_document
from service.sandbox.endpoint import Endpoint
from service.sandbox.faults import Faults, NoFaults
from service.sandbox.index import OrderIndex, Row
from service.sandbox.listing import Paging, listed, listed_to_user
from service.sandbox.listing_document import (
    items_document,
    list_document,
    rounded,
    row_document,
    user_list_document,
)
from service.sandbox.listing_query import ListQuery, UserQuery
from service.sandbox.mailroom import Mailroom
from service.sandbox.oms import Oms
from service.sandbox.refusals import OrderUnknownError
from service.sandbox.shapes import JsonObject


class _OfUser(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    client_email: str | None = Field(None, alias="clientEmail")


class ListingRoutes:
    """Lists come from the index, some minutes late; single orders are as they are."""

    def __init__(
        self,
        oms: Oms,
        index: OrderIndex,
        mailroom: Mailroom,
        *,
        faults: Faults | None = None,
    ) -> None:
        self._oms = oms
        self._index = index
        self._mailroom = mailroom
        self._faults = faults or NoFaults()

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/api/oms/pvt/orders",
                handler=self._list,
                summary="List orders",
                tag="Orders",
                vtex="List orders",
                rule="As they were indexed, four minutes late unless set otherwise; 30 "
                "pages of at most 100, `f_status` with at most 7 values, no items.",
                query=ListQuery,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/oms/pvt/orders/order-group/{orderGroup}",
                handler=self._group,
                summary="Get orders of a purchase",
                tag="Orders",
                vtex="Get orders by order group ID",
                rule="Every seller's order, and on both sides; none if there is no "
                "such purchase.",
                answer=list[JsonObject],
            ),
            Endpoint(
                method="GET",
                path="/api/oms/user/orders",
                handler=self._user_list,
                summary="List a user's orders",
                tag="User orders",
                vtex="Retrieve user's orders",
                rule="The shop's side alone; of one customer with `clientEmail`, else "
                "of all, as a call center operator sees them.",
                query=UserQuery,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/oms/user/orders/{orderId}",
                handler=self._user_order,
                summary="Get a user's order",
                tag="User orders",
                vtex="Retrieve user order details",
                rule="Not a seller's order, and with `clientEmail` only that customer's.",
                query=_OfUser,
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        """List orders."""
        query = read_query(ListQuery, request)
        account, now = request[CALLER].account, self._oms.clock.now()
        rows = listed(self._index, account, query, now=now)
        paging = Paging(len(rows), query.page, query.per_page)
        shown = [self._row(row) for row in paging.cut(rows)]
        return answer(list_document(rows, shown, paging))

    async def _group(self, request: web.Request) -> web.Response:
        """Show all orders of a purchase."""
        orders = self._oms.group(
            request[CALLER].account, request.match_info["orderGroup"]
        )
        return answer([group_document(order) for order in orders])

    async def _user_list(self, request: web.Request) -> web.Response:
        """List the orders of a customer."""
        query = read_query(UserQuery, request)
        rows = listed_to_user(self._index, request[CALLER].account, query)
        paging = Paging(len(rows), query.page, query.per_page)
        shown = [
            self._row(row) | {"items": items_document(row.order.items)}
            for row in paging.cut(rows)
        ]
        return answer(user_list_document(shown, paging))

    async def _user_order(self, request: web.Request) -> web.Response:
        """Show a customer's order."""
        query = read_query(_OfUser, request)
        account = request[CALLER].account
        order = self._oms.order(account, request.match_info["orderId"])
        email = query.client_email or order.client_email
        if order.flow == "seller" or email.casefold() != order.client_email.casefold():
            raise OrderUnknownError
        last_message = self._mailroom.last_message(order)
        return answer(user_document(order) | {"lastMessage": last_message})

    def _row(self, row: Row) -> dict[str, object]:
        order = row.order
        document = row_document(row, self._mailroom.last_message(order))
        if self._faults.strikes(
            "KI-756314", account=order.account, order_id=order.order_id
        ):
            document["totalValue"] = rounded(row.value)
        return document
