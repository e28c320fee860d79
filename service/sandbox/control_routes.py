"""What only the sandbox has, under /sandbox: the truth, the ledger, orders by hand."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.answers import answer, json_body
from service.sandbox.bodies import read_body
from service.sandbox.clock import moment
from service.sandbox.invention import Wish
from service.sandbox.oms import Oms
from service.sandbox.orders import Order, Package
from service.sandbox.state import LedgerEntry

_LARGEST_PAGE = 10_000


class _Placement(Wish):
    account: str | None = None


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=_LARGEST_PAGE)] = 1000


class ControlRoutes:
    """Open to everybody who reaches the port: all that is here is invented."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox/health", self._health),
            web.get("/sandbox/ledger", self._ledger),
            web.get("/sandbox/orders", self._orders),
            web.post("/sandbox/orders", self._place),
        ]

    async def _health(self, request: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def _ledger(self, request: web.Request) -> web.Response:
        page = read_body(_Page, dict(request.query))
        entries = self._oms.ledger(after=page.after, limit=page.limit)
        return answer(
            {
                "entries": [_entry(entry) for entry in entries],
                "next": entries[-1].number if entries else page.after,
            }
        )

    async def _orders(self, request: web.Request) -> web.Response:
        orders = self._oms.orders(request.query.get("account"))
        return answer({"orders": [_truth(order) for order in orders]})

    async def _place(self, request: web.Request) -> web.Response:
        body = await json_body(request) if request.can_read_body else {}
        placement = read_body(_Placement, body)
        order = self._oms.place_order(placement.account, placement)
        return answer(_truth(order), status=HTTPStatus.CREATED)


def _entry(entry: LedgerEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": moment(entry.at),
        "account": entry.account,
        "orderId": entry.order_id,
        "kind": entry.kind,
        "by": entry.by,
        "outcome": entry.outcome,
        "detail": dict(entry.detail),
        "traceId": entry.trace_id,
    }


def _truth(order: Order) -> dict[str, object]:
    return {
        "account": order.account,
        "orderId": order.order_id,
        "sequence": order.sequence,
        "status": order.status,
        "since": moment(order.entered_at),
        "createdAt": moment(order.created_at),
        "value": order.value,
        "invoicedValue": order.invoiced_value,
        "channels": sorted({item.logistics.channel for item in order.items}),
        "packages": [_package(package) for package in order.packages],
    }


def _package(package: Package) -> dict[str, object]:
    status = package.courier_status
    return {
        "type": package.type,
        "invoiceNumber": package.invoice_number,
        "invoiceValue": package.invoice_value,
        "trackingNumber": package.tracking_number,
        "finished": status is not None and status.finished,
        "events": len(status.checkpoints) if status else 0,
    }
