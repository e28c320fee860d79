"""A VTEX that only hands out orders, at once or after a time, in a process of its own."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Final

import orjson
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from processes import free_port

ITEMS: Final = 3
_AT: Final = "2026-03-02T12:00:00.0000000Z"


class ScriptedVtex:
    """A feed that is filled by request, and an order for every id.

    It answers what is asked of VTEX *after* so many seconds.
    """

    def __init__(self, *, after: float) -> None:
        self._after = after
        self._waiting: deque[int] = deque()
        self._begun = asyncio.Event()
        self._template = orjson.dumps(order("@@"))

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._late] if self._after else [])
        app.add_routes(
            [
                web.post("/fill/{first}/{count}", self._fill),
                web.get("/begun", self._wait_until_begun),
                web.get("/api/orders/feed", self._take),
                web.post("/api/orders/feed", self._commit),
                web.get("/api/oms/pvt/orders/{orderId}", self._order),
            ]
        )
        return app

    @web.middleware
    async def _late(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            await asyncio.sleep(self._after)
        return await handler(request)

    async def _fill(self, request: web.Request) -> web.Response:
        first, count = (int(request.match_info[name]) for name in ("first", "count"))
        self._waiting.extend(range(first, first + count))
        self._begun.clear()
        return web.Response()

    async def _wait_until_begun(self, _: web.Request) -> web.Response:
        """Answer when something of the last filling is taken."""
        await self._begun.wait()
        return web.Response()

    async def _take(self, request: web.Request) -> web.Response:
        lot = min(int(request.query["maxlot"]), len(self._waiting))
        items = [_item(self._waiting.popleft()) for _ in range(lot)]
        if items:
            self._begun.set()
        return web.Response(body=orjson.dumps(items), content_type="application/json")

    async def _commit(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def _order(self, request: web.Request) -> web.Response:
        order_id = request.match_info["orderId"].encode()
        return web.Response(
            body=self._template.replace(b"@@", order_id),
            content_type="application/json",
        )


def order_id(number: int) -> str:
    return f"{1_400_000_000_000 + number}-01"


def _item(number: int) -> dict[str, object]:
    return {
        "eventId": f"{number:032X}",
        "handle": f"{number:0>800}",
        "domain": "Fulfillment",
        "state": "ready-for-handling",
        "lastState": "window-to-cancel",
        "orderId": order_id(number),
        "lastChange": _AT,
        "currentChange": _AT,
    }


def order(order_id: str) -> dict[str, object]:
    """Return what Get order says of an order with three items, most of it."""
    places = range(ITEMS)
    address = {
        "addressType": "residential",
        "receiverName": "Maria Souza",
        "addressId": "a1",
        "postalCode": "50000-000",
        "city": "Recife",
        "state": "PE",
        "country": "BRA",
        "street": "Rua da Aurora",
        "number": "100",
        "neighborhood": "Boa Vista",
        "complement": None,
        "reference": None,
        "geoCoordinates": [-34.88, -8.05],
    }
    return {
        "orderId": order_id,
        "sequence": "500001",
        "orderGroup": order_id.removesuffix("-01"),
        "marketplaceOrderId": order_id,
        "sellerOrderId": order_id,
        "origin": "Marketplace",
        "affiliateId": "",
        "salesChannel": "1",
        "status": "ready-for-handling",
        "workflowIsInError": False,
        "isCompleted": True,
        "allowCancellation": True,
        "allowEdition": False,
        "value": 30_960,
        "creationDate": "2026-03-02T11:00:00.0000000+00:00",
        "lastChange": _AT,
        "authorizedDate": "2026-03-02T11:30:00.0000000+00:00",
        "invoicedDate": None,
        "totals": [
            {"id": "Items", "name": "Items Total", "value": 29_970},
            {"id": "Discounts", "name": "Discounts Total", "value": 0},
            {"id": "Shipping", "name": "Shipping Total", "value": 990},
            {"id": "Tax", "name": "Tax Total", "value": 0},
        ],
        "items": [
            {
                "uniqueId": f"{place:032X}",
                "id": str(2000 + place),
                "productId": str(1000 + place),
                "ean": None,
                "name": f"Cotton T-shirt with a printed front, colour {place}",
                "refId": None,
                "quantity": 1,
                "price": 9990,
                "sellingPrice": 9990,
                "listPrice": 12_990,
                "seller": "1",
                "imageUrl": f"https://shop.example/images/{place}.jpg",
                "detailUrl": f"/t-shirt-{place}/p",
                "additionalInfo": {
                    "brandName": "Shop",
                    "categories": [],
                    "offerings": [],
                },
                "priceTags": [],
                "components": [],
                "attachments": [],
            }
            for place in places
        ],
        "clientProfileData": {
            "email": "maria@example.com",
            "firstName": "Maria",
            "lastName": "Souza",
            "document": "00000000191",
            "documentType": "cpf",
            "phone": "+5581999990000",
        },
        "shippingData": {
            "address": address,
            "selectedAddresses": [address],
            "logisticsInfo": [
                {
                    "itemIndex": place,
                    "selectedSla": "Normal",
                    "selectedDeliveryChannel": "delivery",
                    "price": 330,
                    "shippingEstimate": "5bd",
                    "shippingEstimateDate": "2026-03-09T12:00:00.0000000+00:00",
                    "deliveryCompany": "Correios PAC",
                    "slas": [
                        {
                            "id": name,
                            "name": name,
                            "price": 330,
                            "shippingEstimate": "5bd",
                            "deliveryChannel": "delivery",
                            "pickupPointId": None,
                        }
                        for name in ("Normal", "Expressa")
                    ],
                }
                for place in places
            ],
        },
        "paymentData": {
            "transactions": [
                {
                    "isActive": True,
                    "transactionId": "T1",
                    "payments": [{"id": "P1", "value": 30_960, "group": "creditCard"}],
                }
            ]
        },
        "packageAttachment": {"packages": []},
        "storePreferencesData": {"countryCode": "BRA", "currencyCode": "BRL"},
    }


@contextmanager
def scripted_vtex(*, answers_after: float = 0.0) -> Iterator[str]:
    """Run one, and give its address; it ends with the block."""
    port = free_port()
    process = get_context("spawn").Process(
        target=_run, args=(port, answers_after), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


def _run(port: int, answers_after: float) -> None:
    uvloop.install()
    web.run_app(
        ScriptedVtex(after=answers_after).application(),
        host="127.0.0.1",
        port=port,
        print=None,
        access_log=None,
    )
