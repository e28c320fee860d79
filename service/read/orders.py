"""The orders: the list, and one order with its ETag."""

from datetime import datetime
from http import HTTPStatus

import asyncpg
import orjson
from aiohttp import web

from service.db import Pool, connection, load_sql
from service.errors import OrderNotFoundError
from service.eventlog.ports import Clock
from service.read.listing import ListQuery
from service.read.lookup import OrderLookup, Wanted
from service.read.summaries import NOT_SHARED, encoded, etag_of, is_ripe, summary
from service.read.views import OrderDetails, OrderPage
from service.web import Endpoint, json_response

_LIST = load_sql("service.read", "list_orders")


def order_endpoints(pool: Pool, clock: Clock, lookup: OrderLookup) -> list[Endpoint]:
    """Return the endpoints of the list and of one order."""

    async def list_orders(_: web.Request, *, query: ListQuery) -> web.Response:
        """Newest order first, by the time of first sight.

        That time never changes: while orders change, paging neither misses nor
        repeats one. To get every change without a gap, follow the stream instead of
        asking again and again with `updated_since`.
        """
        now = clock.now()
        rows = await _page(pool, query, now)
        items, further = rows[: query.limit], len(rows) > query.limit
        page = {
            "items": [summary(row, now) for row in items],
            "next": query.cursor_at(items[-1]["stream_id"]) if further else None,
        }
        return json_response(encoded(page), headers={"Cache-Control": NOT_SHARED})

    async def get_order(request: web.Request) -> web.Response:
        """The ETag is the version and the stage, from which all that is shown follows."""
        held = {etag.value for etag in request.if_none_match or ()}
        row = await find_order(request, lookup, etag=next(iter(held), ""))
        shown = summary(row, row["asked_at"])
        etag = etag_of(shown)
        headers = {"ETag": f'"{etag}"', "Cache-Control": NOT_SHARED}
        if row["details"] is None or held & {etag, "*"}:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return json_response(_with_details(shown, row), headers=headers)

    return [
        Endpoint(
            method="GET",
            path="/v1/orders",
            handler=list_orders,
            summary="List orders",
            query=ListQuery,
            answer=OrderPage,
        ),
        Endpoint(
            method="GET",
            path="/v1/orders/{account}/{order_id}",
            handler=get_order,
            summary="Get order",
            answer=OrderDetails,
            headers=("If-None-Match",),
            errors=(HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_FOUND),
        ),
    ]


async def find_order(
    request: web.Request, lookup: OrderLookup, *, etag: str = ""
) -> asyncpg.Record:
    """Return the row of the order that the request's path names.

    Raises:
        OrderNotFoundError: No such order is known yet.
    """
    account, order_id = request.match_info["account"], request.match_info["order_id"]
    row = await lookup.find(Wanted(account, order_id, etag))
    if row is None:
        raise OrderNotFoundError(
            f"No order {order_id!r} of account {account!r} is known yet; check both."
        )
    return row


async def _page(pool: Pool, query: ListQuery, now: datetime) -> list[asyncpg.Record]:
    """Return the orders of a page, and one more where there is one."""
    async with connection(pool) as lent:
        return await lent.fetch(
            _LIST,
            query.account,
            query.status,
            query.stage and int(query.stage),
            query.courier_state,
            query.overlay,
            query.updated_since,
            query.order_id,
            now,
            query.after,
            query.limit + 1,
        )


def _with_details(shown: dict[str, object], row: asyncpg.Record) -> bytes:
    details: str = row["details"]
    if is_ripe(row, row["asked_at"]):
        known = orjson.loads(details)
        known["reached_at"][-1] = row["ripens_at"]
        details = encoded(known).decode()
    # Both are JSON objects with other keys: put together without being read again.
    return encoded(shown)[:-1] + b"," + details[1:].encode()
