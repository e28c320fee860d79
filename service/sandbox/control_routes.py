"""What only the sandbox has, under /sandbox: the truth, the ledger, orders by hand."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox import calls
from service.sandbox.answers import answer, json_body, read_json, read_query
from service.sandbox.bodies import read_body
from service.sandbox.clock import moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.packages import Package
from service.sandbox.shapes import JsonObject
from service.sandbox.state import LedgerEntry

_LARGEST_PAGE = 10_000


class _Placement(Wish):
    account: str | None = None


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, lt=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=_LARGEST_PAGE)] = 1000


class _Filter(BaseModel):
    account: str | None = None


class _NewSeller(BaseModel):
    """Who takes over a sale whose seller cancelled."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = None
    seller: Annotated[str, Field(min_length=1)]


class ControlRoutes:
    """Open to everybody who reaches the port: all that is here is invented."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/sandbox/health",
                handler=self._health,
                summary="Get health",
                tag="Sandbox",
                rule="That it runs.",
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/sandbox/ledger",
                handler=self._ledger,
                summary="Read ledger",
                tag="Sandbox",
                rule="Everything that happened, numbered: by whom, and with which outcome.",
                query=_Page,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/sandbox/orders",
                handler=self._orders,
                summary="Read the truth",
                tag="Sandbox",
                rule="Every order as it is, oldest first.",
                query=_Filter,
                answer=JsonObject,
            ),
            Endpoint(
                method="POST",
                path="/sandbox/orders",
                handler=self._place,
                summary="Place order",
                tag="Sandbox",
                rule="As the wish says.",
                body=_Placement,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
            ),
            Endpoint(
                method="POST",
                path="/sandbox/orders/{orderId}/advance",
                handler=self._step,
                summary="Advance order",
                tag="Sandbox",
                rule="Takes the next step that the order would take by itself, now.",
                query=_Filter,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/sandbox/orders/{orderId}/change-seller",
                handler=self._change_seller,
                summary="Change seller",
                tag="Sandbox",
                rule="A sale in `window-to-change-seller` gets another seller's order.",
                body=_NewSeller,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/sandbox/orders/{orderId}/replace",
                handler=self._replace,
                summary="Replace order",
                tag="Sandbox",
                rule="The shopper takes a new order instead; the old one is `replaced`.",
                query=_Filter,
                answer=JsonObject,
                status=HTTPStatus.CREATED,
                errors=(404,),
            ),
        ]

    async def _health(self, request: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def _ledger(self, request: web.Request) -> web.Response:
        page = read_query(_Page, request)
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

    async def _step(self, request: web.Request) -> web.Response:
        """Advance an order."""
        account = self._oms.known_account(request.query.get("account"))
        return answer(_truth(self._oms.step(account, request.match_info["orderId"])))

    async def _change_seller(self, request: web.Request) -> web.Response:
        """Change an order's seller."""
        body = await read_json(_NewSeller, request)
        account = self._oms.known_account(body.account)
        order_id = request.match_info["orderId"]
        order = self._oms.change_seller(account, order_id, body.seller)
        return answer(_truth(order), status=HTTPStatus.CREATED)

    async def _replace(self, request: web.Request) -> web.Response:
        """Replace an order by a new one."""
        account = self._oms.known_account(request.query.get("account"))
        order_id = request.match_info["orderId"]
        caller = Caller(account=account, name="shopper")
        self._oms.carry_out(caller, order_id, calls.REPLACE)
        old = self._oms.order(account, order_id)
        new = self._oms.order(account, old.replaced_by or order_id)
        return answer(_truth(new), status=HTTPStatus.CREATED)


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
        "group": order.group,
        "flow": order.flow,
        "origin": order.origin,
        "twin": order.twin,
        "replaces": order.replaces,
        "replacedBy": order.replaced_by,
        "status": order.status or None,
        "isInError": order.in_error,
        "since": moment(order.entered_at),
        "createdAt": moment(order.created_at),
        "nextMoveAt": moment(order.alarms.get("move")),
        "value": order.value,
        "invoicedValue": order.invoiced_value,
        "returnedValue": order.returned_value,
        "courier": _courier(order),
        "sellers": order.sellers,
        "channels": order.channels,
        "packages": [_package(package) for package in order.packages],
    }


def _courier(order: Order) -> str:
    """Say how far the packages of *order* are that were sold."""
    sold = order.sold_packages
    if not any(package.courier_status for package in sold):
        return "pending"
    if order.invoiced_value < order.value:
        return "in-transit"
    arrived = [p.courier_status is not None and p.courier_status.finished for p in sold]
    return "delivered" if all(arrived) else "in-transit"


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
