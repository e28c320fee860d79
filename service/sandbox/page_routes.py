"""The page of the sandbox: what it shows, what it can have done, and its files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest
from operator import attrgetter
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import BaseModel, Field

from service.sandbox import clerk
from service.sandbox.answers import answer, read_json, read_query
from service.sandbox.clock import moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.packages import Package
from service.sandbox.shapes import JsonObject
from service.web.files import SHARED, StaticFile

_ROOM: Final = "service.sandbox"
_FILES: Final = (
    StaticFile("/", "index.html", "Show page", _ROOM),
    StaticFile("/page.css", "page.css", "Get style of the page", _ROOM),
    StaticFile("/page.js", "page.js", "Get script of the page", _ROOM),
    StaticFile("/order.js", "order.js", "Get script of an order", _ROOM),
    StaticFile("/controls.js", "controls.js", "Get script of the controls", _ROOM),
    StaticFile("/elements.js", "elements.js", "Get script of the elements", _ROOM),
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
            *map(_file, (*_FILES, *SHARED)),
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
        view = read_query(_View, request)
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
        wanted = await read_json(_Deed, request)
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
        "sellers": order.sellers,
        "channels": order.channels,
        "parcels": _parcels(order.sold_packages),
    }


def _parcels(sold: Sequence[Package]) -> dict[str, int]:
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


def _file(file: StaticFile) -> Endpoint:
    return Endpoint(
        method="GET",
        path=file.path,
        handler=file.handler(),
        summary=file.summary,
        tag=_TAG,
        answer=str,
        media_type=file.media_type,
    )
