"""The merchant at the desk of an order-tracking service, and a sandbox on real time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from eventually import eventually
from sandbox_kit import bring
from service.errors import RejectedError, UnavailableError
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.desk import Invoice, InvoiceLine, OrderRef
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller
from service.sandbox.server import run, sandbox
from service.sandbox.service_desk import ServiceDesk

ORDER = OrderRef("acme", "1-01")
INVOICE = Invoice(
    number="NF1",
    value=100,
    issued_at=ManualClock().now(),
    lines=(InvoiceLine(sku="2001", price=100, quantity=1),),
)


class Service:
    """A service that answers what it is told to, and keeps what it receives."""

    def __init__(self, *answers: int) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.keys: list[str] = []
        self.authorizations: set[str | None] = set()
        self._answers = list(answers)

    async def take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.bodies.append(await request.json())
        self.keys.append(request.headers["Idempotency-Key"])
        self.authorizations.add(request.headers.get("Authorization"))
        return web.Response(status=self._answers.pop(0) if self._answers else 202)


@asynccontextmanager
async def serving(*answers: int) -> AsyncIterator[Service]:
    service = Service(*answers)
    app = web.Application()
    app.router.add_post("/{path:.*}", service.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


class TestServiceDesk:
    @pytest.mark.parametrize("answer", [404, 409, 429, 500, 503])
    async def test_comes_again_later(self, answer: int) -> None:
        """The same paper is handed in again, under the same key, until it is taken."""
        async with serving(answer, answer) as service, aiohttp.ClientSession() as http:
            desk = ServiceDesk(http, service.url, speed=100)
            await desk.issue_invoice(ORDER, INVOICE)

        assert len(service.keys) == 3
        assert len(set(service.keys)) == 1
        assert service.bodies[0] == service.bodies[2]

    async def test_goes_away_when_it_is_refused(self) -> None:
        """What the service says is wrong is not handed in again."""
        async with serving(422) as service, aiohttp.ClientSession() as http:
            desk = ServiceDesk(http, service.url, speed=100)
            with pytest.raises(RejectedError, match="422"):
                await desk.issue_invoice(ORDER, INVOICE)

        assert len(service.keys) == 1

    async def test_gives_up_in_the_end(self) -> None:
        """A service that is not there is not waited for without end."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            async with aiohttp.ClientSession() as http:
                desk = ServiceDesk(http, url, speed=1000)
                with pytest.raises(UnavailableError):
                    await desk.issue_invoice(ORDER, INVOICE)


class TestMerchantOfAService:
    async def test_hands_in_a_whole_order(self) -> None:
        """Invoice, number and way arrive in the service's words, with the API key."""
        clock = ManualClock()
        async with (
            serving() as service,
            sandbox(
                seed=3,
                orders_per_minute=0,
                desk=service.url,
                api_key="secret",
                clock=clock,
            ) as running,
        ):
            order = running.oms.place_order(None, Wish(items=1, fate="completed"))
            bring(running.oms, clock, order, "ready-for-handling")
            caller = Caller(account="sandboxstore", name="service")
            running.oms.carry_out(caller, order.order_id, calls.START_HANDLING)
            await running.advance(120)

        base = f"/v1/orders/sandboxstore/{order.order_id}"
        number = f"NF{order.group}"
        assert service.authorizations == {"Bearer secret"}
        assert len(set(service.keys)) == len(service.keys)
        assert service.paths[0] == f"{base}/invoices"
        assert service.bodies[0]["invoice_number"] == number
        assert service.bodies[0]["invoice_value"] == order.value
        assert service.bodies[0]["items"] == [
            {
                "id": order.items[0].sku,
                "price": order.items[0].price,
                "quantity": order.items[0].quantity,
            }
        ]
        assert service.paths[1] == f"{base}/invoices/{number}/tracking-number"
        assert service.bodies[1].keys() == {
            "tracking_number",
            "tracking_url",
            "courier",
            "dispatched_date",
        }
        assert set(service.paths[2:]) == {f"{base}/courier-updates"}
        assert service.bodies[-1]["is_delivered"] is True
        assert len(service.bodies[-1]["checkpoints"]) == len(service.paths[2:])


class TestOnRealTime:
    async def test_goes_on_by_itself(self) -> None:
        """Orders come, are handled and arrive while nobody does anything."""
        async with (
            sandbox(seed=7, orders_per_minute=600, speed=100) as running,
            aiohttp.ClientSession(running.url) as http,
        ):

            async def arrived() -> bool:
                async with http.get("/sandbox/orders") as response:
                    orders = (await response.json())["orders"]
                return any(
                    order["packages"]
                    and all(package["finished"] for package in order["packages"])
                    for order in orders
                )

            assert await eventually(arrived)

    async def test_leaves_other_people_s_errors_alone(self) -> None:
        """An error of whoever uses the sandbox arrives as it is."""
        with pytest.raises(KeyError):
            async with sandbox(seed=7, orders_per_minute=0):
                raise KeyError

    async def test_announces_how_to_reach_it(self) -> None:
        """The command says its address and credentials, and stops when told to."""
        told: list[str] = []

        async def announced() -> bool:
            return len(told) == 2

        async with asyncio.TaskGroup() as group:
            running = group.create_task(
                run(
                    host="127.0.0.1",
                    port=0,
                    orders_per_minute=0,
                    seed=7,
                    announce=told.append,
                )
            )
            await eventually(announced)
            running.cancel()

        assert "http://127.0.0.1:" in told[0]
        assert "vtexappkey-sandboxstore" in told[1]
        assert "sandbox-token" in told[1]
