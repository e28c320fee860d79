"""The sandbox's order hook over HTTP, with a real receiver."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from eventually import eventually
from sandbox_client import SandboxClient
from service.sandbox.accounts import SANDBOX_STORE

PATH = "/api/orders/hook/config"
BY_STATUS = {"type": "FromWorkflow", "status": ["payment-pending"]}


class Receiver:
    """Notes what comes in, and answers as the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.pings: list[dict[str, str]] = []
        self.notices: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []

    async def receive(self, request: web.Request) -> web.Response:
        content = await request.json()
        self.secrets.append(request.headers.get("X-Secret"))
        (self.pings if "hookConfig" in content else self.notices).append(content)
        return web.Response(status=self.status)


class Integrator(SandboxClient):
    """Configures a hook that calls a receiver at *url*."""

    url = ""

    async def configure(self, **changes: object) -> tuple[int, Any]:
        target = {"url": self.url, "headers": {"X-Secret": "s"}}
        body = {"filter": BY_STATUS, "hook": target} | changes
        return await self.call("POST", PATH, body)

    async def tally(self, name: str) -> int:
        [hook] = (await self.call("GET", "/sandbox/hooks"))[1]["hooks"]
        return int(hook[name])

    def pay_for_an_order(self) -> str:
        return self.bring(self.place_order(), "payment-approved").order_id


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest_asyncio.fixture
async def integrator(receiver: Receiver) -> AsyncIterator[Integrator]:
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    async with TestServer(app) as server, Integrator.of() as running:
        running.url = str(server.make_url("/hook"))
        yield running


class TestConfig:
    async def test_is_unknown_at_first(self, integrator: Integrator) -> None:
        """Without a configuration there is nothing to read or to remove."""
        assert (await integrator.call("GET", PATH))[0] == 404
        assert (await integrator.call("DELETE", PATH))[0] == 404

    async def test_comes_and_goes(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """It is taken after a ping with its own headers, told, and removed."""
        taken, _ = await integrator.configure()
        _, told = await integrator.call("GET", PATH)
        removed, _ = await integrator.call("DELETE", PATH)

        assert (taken, removed) == (200, 200)
        assert receiver.pings == [{"hookConfig": "ping"}]
        assert receiver.secrets == ["s"]
        assert told == {
            "filter": BY_STATUS,
            "hook": {"url": integrator.url, "headers": {"X-Secret": "s"}},
        }
        assert (await integrator.call("GET", PATH))[0] == 404

    @pytest.mark.parametrize("status", [201, 404, 500])
    async def test_needs_an_answer_to_its_ping(
        self, integrator: Integrator, receiver: Receiver, status: int
    ) -> None:
        """An address that answers a ping with anything but 200 is refused."""
        receiver.status = status
        refused, problem = await integrator.configure()

        assert refused == 400
        assert problem["errors"] == {"hook.url": ["Unable to check address"]}
        assert (await integrator.call("GET", PATH))[0] == 404

    async def test_needs_somebody_at_its_address(self, integrator: Integrator) -> None:
        """An address where nobody listens is refused."""
        refused, _ = await integrator.configure(hook={"url": "http://127.0.0.1:9/"})

        assert refused == 400

    async def test_does_not_mix_filters(self, integrator: Integrator) -> None:
        """A filter by status and by expression is 409."""
        mixed = BY_STATUS | {"expression": "true"}

        assert (await integrator.configure(filter=mixed))[0] == 409


class TestDelivery:
    async def test_tells_in_the_words_of_vtex(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """A notification says what changed, when, and whose hook it is."""
        await integrator.configure()
        order_id = integrator.pay_for_an_order()

        async def told() -> bool:
            return await integrator.tally("delivered") == 1

        await eventually(told)
        [notice] = receiver.notices
        at = notice["LastChange"]
        assert at.endswith("Z")
        assert notice == {
            "Domain": "Marketplace",
            "OrderId": order_id,
            "State": "payment-pending",
            "LastState": notice["LastState"],
            "LastChange": at,
            "CurrentChange": at,
            "Origin": {"Account": "sandboxstore", "Key": SANDBOX_STORE.app_key},
        }

    async def test_goes_by_expression(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """A hook by expression tells of an order once, when it first meets it."""
        wanted = {"type": "FromOrders", "expression": 'status != "order-created"'}
        await integrator.configure(filter=wanted)
        integrator.pay_for_an_order()
        order_ids = {integrator.pay_for_an_order() for _ in range(2)}

        async def told() -> bool:
            return await integrator.tally("delivered") >= 3

        await eventually(told)
        assert order_ids < {notice["OrderId"] for notice in receiver.notices}
        assert len(receiver.notices) == 3

    async def test_comes_again_until_it_is_taken(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """What is not answered with 200 is sent again, later each time."""
        await integrator.configure()
        receiver.status = 503
        integrator.pay_for_an_order()

        async def failed(times: int) -> bool:
            return await integrator.tally("failed") == times

        await eventually(lambda: failed(1))
        integrator.clock.advance(1.1)
        await eventually(lambda: failed(2))
        receiver.status = 200
        integrator.clock.advance(1.3)

        async def told() -> bool:
            return await integrator.tally("waiting") == 0

        await eventually(told)
        assert len(receiver.notices) == 3
        assert len({notice["OrderId"] for notice in receiver.notices}) == 1

    async def test_stops_with_the_hook(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """A hook that was removed tells nothing any more."""
        await integrator.configure()
        await integrator.call("DELETE", PATH)
        integrator.pay_for_an_order()
        await integrator.configure()
        order_id = integrator.pay_for_an_order()

        async def told() -> bool:
            return bool(receiver.notices)

        await eventually(told)
        assert [notice["OrderId"] for notice in receiver.notices] == [order_id]

    async def test_delivers_many(
        self, integrator: Integrator, receiver: Receiver
    ) -> None:
        """Hundreds of notifications at once all arrive."""
        await integrator.configure()
        for _ in range(300):
            integrator.pay_for_an_order()

        async def told() -> bool:
            return len(receiver.notices) == 300

        await eventually(told)
        assert len({notice["OrderId"] for notice in receiver.notices}) == 300
