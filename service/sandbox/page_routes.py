"""The page of the sandbox: what it shows, what it can have done, and its files."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from heapq import nlargest
from http import HTTPStatus
from importlib import resources
from operator import attrgetter
from typing import Annotated, Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, Field

from service.sandbox import clerk
from service.sandbox.answers import answer, json_body
from service.sandbox.bodies import read_body
from service.sandbox.clock import moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms
from service.sandbox.orders import Order, Package
from service.sandbox.shapes import JsonObject

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES: Final = (
    ("/", "index.html", "text/html", "Show page"),
    ("/page.css", "page.css", "text/css", "Get style of the page"),
    ("/page.js", "page.js", "text/javascript", "Get script of the page"),
    ("/order.js", "order.js", "text/javascript", "Get script of an order"),
    ("/controls.js", "controls.js", "text/javascript", "Get script of the controls"),
    ("/elements.js", "elements.js", "text/javascript", "Get script of the elements"),
)
_ORDER: Final = "/sandbox/orders/{account}/{orderId}"
_MOST: Final = 500
_TAG: Final = "Page"


class _View(BaseModel):
    status: str | None = None
    flow: str | None = None
    account: str | None = None
    text: str = ""
    limit: Annotated[int, Field(ge=1, le=_MOST)] = 50

    def takes(self, order: Order) -> bool:
        """Say whether *order* is to be seen."""
        return (
            (self.status is None or order.status == self.status)
            and (self.flow is None or order.flow == self.flow)
            and (self.account is None or order.account == self.account)
            and self.text in order.order_id
        )


class _Deed(BaseModel):
    deed: clerk.Deed


class PageRoutes:
    """Open to everybody who reaches the port, as all under /sandbox."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def endpoints(self) -> list[Endpoint]:
        return [
            *map(_file, _FILES),
            Endpoint(
                method="GET",
                path="/sandbox/overview",
                handler=self._overview,
                summary="See the newest orders",
                tag=_TAG,
                rule="What the page lists: newest first, filtered.",
                query=_View,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path=_ORDER,
                handler=self._look,
                summary="See an order",
                tag=_TAG,
                rule="What the page shows: items, packages and what happened.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{_ORDER}/deeds",
                handler=self._do,
                summary="Do something for an order",
                tag=_TAG,
                rule="By the rules of the Orders API, with the details filled in.",
                body=_Deed,
                answer=JsonObject,
                errors=(404, 409, 500),
            ),
        ]

    async def _overview(self, request: web.Request) -> web.Response:
        view = read_body(_View, dict(request.query))
        orders = list(self._oms.orders())
        taken = (order for order in orders if view.takes(order))
        newest = nlargest(view.limit, taken, key=attrgetter("created_at", "sequence"))
        return answer(
            {
                "now": moment(self._oms.clock.now()),
                "accounts": list(self._oms.accounts),
                "total": len(orders),
                "statuses": Counter(order.status or "" for order in orders),
                "orders": [_line(order) for order in newest],
            }
        )

    async def _look(self, request: web.Request) -> web.Response:
        match = request.match_info
        order = self._oms.order(match["account"], match["orderId"])
        return answer(self._whole(order))

    async def _do(self, request: web.Request) -> web.Response:
        match = request.match_info
        wanted = read_body(_Deed, await json_body(request))
        order = clerk.do(self._oms, match["account"], match["orderId"], wanted.deed)
        return answer(self._whole(order))

    def _whole(self, order: Order) -> dict[str, object]:
        events = [
            {
                "at": moment(entry.at),
                "kind": entry.kind,
                "by": entry.by,
                "outcome": entry.outcome,
                "detail": dict(entry.detail),
            }
            for entry in self._oms.ledger()
            if entry.order_id == order.order_id and entry.account == order.account
        ]
        return {
            **_line(order),
            "twin": order.twin,
            "group": order.group,
            "items": [
                {
                    "name": item.name,
                    "quantity": item.quantity,
                    "price": item.price,
                    "seller": item.seller,
                    "channel": item.logistics.channel,
                }
                for item in order.items
            ],
            "packages": [_package(package) for package in order.packages],
            "timeline": events,
            "waits": "move" not in order.alarms,
        }


def _line(order: Order) -> dict[str, Any]:
    return {
        "account": order.account,
        "orderId": order.order_id,
        "sequence": order.sequence,
        "flow": order.flow,
        "status": order.status,
        "inError": order.in_error,
        "createdAt": moment(order.created_at),
        "since": moment(order.entered_at),
        "value": order.value,
        "invoicedValue": order.invoiced_value,
        "sellers": sorted({item.seller for item in order.items}),
        "channels": sorted({item.logistics.channel for item in order.items}),
        "parcels": _parcels(order.packages),
    }


def _parcels(packages: list[Package]) -> dict[str, int]:
    sold = [package for package in packages if package.type == "Output"]
    return {
        "invoiced": len(sold),
        "shipped": sum(package.tracking_number is not None for package in sold),
        "delivered": sum(
            package.courier_status is not None and package.courier_status.finished
            for package in sold
        ),
    }


def _package(package: Package) -> Mapping[str, object]:
    status = package.courier_status
    return {
        "type": package.type,
        "invoiceNumber": package.invoice_number,
        "invoiceValue": package.invoice_value,
        "courier": package.courier,
        "trackingNumber": package.tracking_number,
        "finished": status is not None and status.finished,
        "events": [
            {
                "at": moment(seen.at),
                "city": seen.city,
                "state": seen.state,
                "description": seen.description,
            }
            for seen in (status.checkpoints if status else ())
        ],
    }


def _file(file: tuple[str, str, str, str]) -> Endpoint:
    path, name, media_type, summary = file
    return Endpoint(
        method="GET",
        path=path,
        handler=_serving(name, media_type),
        summary=summary,
        tag=_TAG,
        answer=str,
        media_type=media_type,
    )


def _serving(name: str, media_type: str) -> Handler:
    body = (resources.files("service.sandbox") / "static" / name).read_bytes()
    etag = hashlib.sha256(body).hexdigest()[:16]
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

    async def serve(request: web.Request) -> web.Response:
        if any(held.value in {etag, "*"} for held in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=body, content_type=media_type, charset="utf-8", headers=headers
        )

    return serve
